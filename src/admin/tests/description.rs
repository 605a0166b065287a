//! The description of the API is what the API does: examples are of their types, fields are those that are
//! read, and whatever a test of this directory is answered is described.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use http::{Method, Uri};
use serde_json::Value;

use super::schema::{faults, resolve};
use super::world::{Answer, World};
use crate::admin::about::{codes, description};
use crate::admin::{ENDPOINTS, Endpoint, Right};
use crate::problem::code::{self, By};

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(description()).expect("JSON"));

fn operation(endpoint: &Endpoint) -> &'static Value {
    let operation = &DESCRIPTION["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
    assert!(operation.is_object(), "{} {} is not described", endpoint.method, endpoint.path);
    operation
}

fn name(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.method, endpoint.path)
}

fn is_at(endpoint: &Endpoint, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (endpoint.path.split('/').collect(), path.split('/').collect());
    let fits =
        |(pattern, segment): (&&str, &&str)| pattern == segment || (pattern.starts_with('{') && !segment.is_empty());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(fits)
}

/// The endpoint that serves a request.
fn endpoint(method: &Method, path: &str) -> Option<&'static Endpoint> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let serving = ENDPOINTS.iter().filter(|endpoint| endpoint.method == method && is_at(endpoint, path));
    serving.min_by_key(|endpoint| endpoint.path.matches('{').count())
}

/// Compares what a request was answered with what is said of its endpoint.
#[track_caller]
pub(super) fn is_described(method: &Method, uri: &Uri, answer: &Answer) {
    let Some(endpoint) = endpoint(method, uri.path()) else { return };
    let status = answer.status.as_u16().to_string();
    let what = format!("{} answered {status} {}", name(endpoint), answer.text);
    let response = resolve(&DESCRIPTION, &operation(endpoint)["responses"][status.as_str()]);
    assert!(response.is_object(), "{what}, which is not described: it may lack a code in its `problems`");
    if !answer.status.is_client_error() && !answer.status.is_server_error() {
        for name in ["ETag", "Location"] {
            let is_said = response["headers"][name].is_object();
            assert_eq!(
                !answer.header(name).is_empty(),
                is_said,
                "{what}, with or without {name} unlike its description"
            );
        }
    }
    let media = answer.header("content-type");
    if media.is_empty() || method == Method::HEAD {
        return;
    }
    let content = &response["content"][media];
    assert!(content.is_object(), "{what}, and {media} is not described");
    if !["application/json", crate::problem::CONTENT_TYPE].contains(&media) {
        return;
    }
    let value = answer.json();
    if media == crate::problem::CONTENT_TYPE {
        let known: Vec<_> = codes(endpoint).iter().map(|code| code.name).collect();
        let code = value["code"].as_str().unwrap_or_default();
        assert!(
            known.contains(&code),
            "{what}: add the code to its `problems` in src/admin/about/, which has {known:?}"
        );
    }
    let whole = !uri.query().unwrap_or_default().contains("fields=");
    // Where a part can be asked for, the whole stands first.
    let schema = content["schema"]["anyOf"].get(0).filter(|_| whole).unwrap_or(&content["schema"]);
    let faults = faults(&DESCRIPTION, schema, &value);
    assert!(faults.is_empty(), "{what}, and that is not as described: {faults:#?}");
}

#[test]
fn every_operation_has_its_words_and_a_name_of_its_own() {
    let mut ids = BTreeSet::new();
    for endpoint in ENDPOINTS {
        let (operation, what) = (operation(endpoint), name(endpoint));
        let text = |field: &str| operation[field].as_str().unwrap_or_default();
        assert!(ids.insert(text("operationId")), "{what}: {} is there twice", text("operationId"));
        let summary = text("summary");
        assert!(!summary.ends_with('.') && summary.len() > 5, "{what}: {summary}");
        assert!(text("description").ends_with('.'), "{what}: {}", text("description"));
        let tags: Vec<_> = DESCRIPTION["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
        assert!(tags.contains(&&operation["tags"][0]), "{what}");
        assert_eq!(operation["security"] == serde_json::json!([]), endpoint.right == Right::Open, "{what}");
    }
    assert_eq!(ids.len(), ENDPOINTS.len());
    assert_eq!(DESCRIPTION["openapi"], "3.1.0");
}

#[test]
fn every_parameter_of_a_path_is_described_and_every_link_leads_somewhere() {
    let mut links = 0;
    for endpoint in ENDPOINTS {
        let in_path: Vec<&str> = endpoint.path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(
            parameters(endpoint, "path"),
            in_path.into_iter().map(str::to_owned).collect(),
            "{}",
            name(endpoint)
        );
        for link in endpoint.about.answer.links {
            links += 1;
            let what = format!("{} → {}", name(endpoint), link.operation);
            let target = ENDPOINTS.iter().find(|target| target.about.id == link.operation);
            let target = target.unwrap_or_else(|| panic!("{what}: there is no such operation"));
            let given: BTreeSet<_> = link.parameters.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(given, parameters(target, "path"), "{what}");
        }
    }
    assert!(links > 20, "{links}");
}

fn parameters(endpoint: &Endpoint, place: &str) -> BTreeSet<String> {
    let all = operation(endpoint)["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place)
        .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn every_example_is_of_its_type() {
    let mut compared = 0;
    for endpoint in ENDPOINTS {
        let (operation, what) = (operation(endpoint), name(endpoint));
        let responses = operation["responses"].as_object().expect("responses").values();
        let bodies = responses.map(|response| resolve(&DESCRIPTION, response)).chain([&operation["requestBody"]]);
        for content in bodies.filter_map(|body| body["content"].as_object()).flat_map(|content| content.values()) {
            let named = content["examples"].as_object().into_iter().flat_map(|examples| examples.values());
            let named: Vec<_> = named.map(|example| &resolve(&DESCRIPTION, example)["value"]).collect();
            let examples: Vec<_> = content.get("example").into_iter().chain(named).collect();
            assert!(!examples.is_empty(), "{what}: a body without an example: {content}");
            for example in examples {
                let faults = faults(&DESCRIPTION, &content["schema"], example);
                assert!(faults.is_empty(), "{what}: {faults:#?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// Those that no operation can have: the path or the method is none of the description.
const OF_NONE: [&str; 2] = ["no_endpoint", "method_not_allowed"];

#[test]
fn every_code_of_this_listener_is_of_an_operation() {
    let described: BTreeSet<_> = ENDPOINTS.iter().flat_map(codes).map(|code| code.name).collect();
    let all = code::all().filter(|code| code.by != By::Proxy).map(|code| code.name);
    let missing: Vec<_> = all.filter(|name| !described.contains(name) && !OF_NONE.contains(name)).collect();
    assert!(missing.is_empty(), "codes that no operation has in its `problems`: {missing:?}");
}

/// The names of a schema's properties.
fn properties(schema: &Value) -> BTreeSet<String> {
    let properties = resolve(&DESCRIPTION, schema)["properties"].as_object();
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

/// The names that a refusal of the field or parameter `nonsense` lists.
fn listed(answer: &Answer) -> Option<BTreeSet<String>> {
    if answer.status.is_success() {
        return None;
    }
    let errors = answer.json()["errors"].as_array()?.clone();
    let error = errors.iter().find(|error| error["field"] == "nonsense")?;
    let (_, names) = error["message"].as_str()?.split_once("It has: ")?;
    Some(names.split(", ").map(str::to_owned).filter(|name| !name.is_empty()).collect())
}

/// With the ids of objects that are there.
async fn path(world: &World, endpoint: &Endpoint) -> String {
    let token = world.make(world.root.id, &[("devices", "read")]).await.token.id;
    let (user, _) = world.member(world.child.id, &format!("{token}@example.org"), &["viewer"]).await;
    let id = match endpoint.path {
        path if path.starts_with("/v1/accounts") => world.child.id.to_string(),
        path if path.starts_with("/v1/users") => user.id.to_string(),
        _ => token.to_string(),
    };
    world.of_webhooks(endpoint.path).replace("{id}", &id).replace("{user}", &user.id.to_string())
}

/// Of a user, and of an account with every right: some calls take the one, some the other, and some end it.
async fn callers(world: &World, endpoint: &Endpoint) -> [String; 2] {
    let login = format!("{}@example.org", endpoint.about.id);
    let (_, session) = world.member(world.root.id, &login, &["owner"]).await;
    let manager = world.make(world.root.id, &[("*", "full"), ("keygate.*", "full")]).await;
    [session.text, manager.text]
}

fn takes_json(endpoint: &Endpoint) -> bool {
    // Whose body is a list, in another's contract.
    endpoint.path != "/v1/leaks/github"
        && endpoint.about.body.as_ref().is_some_and(|body| body.media == "application/json")
}

#[tokio::test]
async fn the_fields_that_are_read_are_those_that_are_described() {
    let world = World::new().await;
    let mut compared = BTreeMap::new();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| takes_json(endpoint)) {
        let path = path(&world, endpoint).await;
        for token in &callers(&world, endpoint).await {
            let answer = world.call(endpoint.method.clone(), &path, token, r#"{"nonsense": 1}"#).await;
            if let Some(read) = listed(&answer) {
                let content = operation(endpoint)["requestBody"]["content"].as_object().expect("a body");
                let described = properties(&content.values().next().expect("a media type")["schema"]);
                assert_eq!(read, described, "{}: on the left what is read", name(endpoint));
                compared.insert(name(endpoint), read.len());
            }
        }
    }
    let with_body = ENDPOINTS.iter().filter(|endpoint| takes_json(endpoint)).count();
    assert_eq!(compared.len(), with_body, "those that could be compared: {compared:#?}");
}

#[tokio::test]
async fn the_parameters_that_are_read_are_those_that_are_described() {
    let world = World::new().await;
    let mut compared = 0;
    for endpoint in ENDPOINTS {
        let described = parameters(endpoint, "query");
        let path = format!("{}?nonsense=1", path(&world, endpoint).await);
        let mut read = None;
        for token in &callers(&world, endpoint).await {
            read = read.or(listed(&world.call(endpoint.method.clone(), &path, token, "").await));
        }
        if let Some(read) = read.or((!described.is_empty()).then(BTreeSet::new)) {
            assert_eq!(read, described, "{}: on the left what is read", name(endpoint));
            compared += 1;
        }
    }
    assert!(compared > 6, "{compared}");
}
