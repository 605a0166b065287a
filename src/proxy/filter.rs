//! How an upstream is told what a token is limited to, so that no client can widen it.
//!
//! The gateway cannot limit what an upstream answers; it can only make sure that the upstream hears of
//! the filter, and hears it from nobody else. Where that is not sure, the request is refused.

use http::header::{CONTENT_TYPE, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Request, Uri};
use hyper::body::Body;

use super::headers;
use super::parameters::{ParameterFault, Reserved};
use super::reject::Rejection;
use crate::auth::Permit;
use crate::model::{Filters, push_encoded};

/// What stands for a filter's key in the name of a parameter.
const KEY: &str = "{key}";
/// A filter in its encoded form, in bytes: more does not fit into what most servers take as a head.
const LONGEST_FILTER: usize = 16 << 10;
/// Values of a filter in a query: servers stop reading at a thousand parameters.
const MOST_PARAMETERS: usize = 500;

/// How a route's upstream is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterRule {
    /// By parameters of the query with this name: one `key:value` for each value, or, where the name has
    /// `{key}` in it, the value alone.
    Query(String),
    /// By one header, `key=value&key=value`.
    Header(HeaderName),
}

/// Why a token with a filter is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FilterFault {
    /// The route says nothing of filters.
    NotEnforced,
    /// The route's way of telling has no room for so much.
    TooLarge,
    /// Together with what the client asks, the target is too long.
    TooLong,
    Query(ParameterFault),
    Cookie(ParameterFault),
    /// A body that the upstream may read parameters from.
    Body,
}

/// Makes sure that the upstream hears of the token's filter, and of no other.
pub(super) fn enforce<B: Body>(
    rule: Option<&FilterRule>,
    permit: &Permit,
    request: &mut Request<B>,
) -> Result<(), Rejection> {
    if let Some(FilterRule::Header(name)) = rule {
        headers::remove_all_spellings(request.headers_mut(), name);
    }
    let Some(principal) = permit.bearer().map(|bearer| &bearer.principal) else { return Ok(()) };
    let filters = &principal.token.filters;
    if filters.is_empty() {
        return Ok(());
    }
    let form = &principal.identity.filter;
    match rule {
        None => Err(FilterFault::NotEnforced),
        Some(_) if form.len() > LONGEST_FILTER => Err(FilterFault::TooLarge),
        Some(FilterRule::Header(name)) => {
            request.headers_mut().insert(name, form.clone());
            Ok(())
        }
        Some(FilterRule::Query(name)) => force_query(name, filters, request),
    }
    .map_err(Rejection::Filter)
}

fn force_query<B: Body>(name: &str, filters: &Filters, request: &mut Request<B>) -> Result<(), FilterFault> {
    let forced = parameters(name, filters);
    if forced.len() > MOST_PARAMETERS {
        return Err(FilterFault::TooLarge);
    }
    let reserved = Reserved::new(filters.iter().map(|(key, _)| name.replace(KEY, key)));
    let query = request.uri().query().unwrap_or_default();
    reserved.check_query(query).map_err(FilterFault::Query)?;
    for cookies in request.headers().get_all(COOKIE) {
        reserved.check_cookies(cookies.as_bytes()).map_err(FilterFault::Cookie)?;
    }
    if !request.body().is_end_stream() && may_be_form(request.headers()) {
        return Err(FilterFault::Body);
    }
    let target = with_parameters(request.uri().path(), &forced, query);
    *request.uri_mut() = Uri::from(PathAndQuery::try_from(target).map_err(|_| FilterFault::TooLong)?);
    Ok(())
}

/// Name and value of each parameter that is set.
fn parameters(name: &str, filters: &Filters) -> Vec<(String, String)> {
    let each_key = name.contains(KEY);
    let value = |key: &str, value: &String| if each_key { value.clone() } else { format!("{key}:{value}") };
    let pairs = filters.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
    pairs.map(|(key, one)| (name.replace(KEY, key), value(key, one))).collect()
}

/// Ours come first: servers that read a limited number of parameters drop the last.
fn with_parameters(path: &str, forced: &[(String, String)], query: &str) -> String {
    let mut target = path.to_owned();
    for (at, (name, value)) in forced.iter().enumerate() {
        target.push(if at == 0 { '?' } else { '&' });
        push_encoded(&mut target, name);
        target.push('=');
        push_encoded(&mut target, value);
    }
    if !query.is_empty() {
        target.push('&');
        target.push_str(query);
    }
    target
}

/// Whether a server may read parameters from a body with these headers: from a form, and from what does
/// not say clearly that it is none.
fn may_be_form(headers: &HeaderMap) -> bool {
    let Some(Some(value)) = headers::only_value(headers, &CONTENT_TYPE) else { return true };
    let Ok(text) = value.to_str() else { return true };
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    match kind.split_once('/') {
        Some(("multipart", _)) => true,
        Some((main, sub)) => !word(main) || !word(sub) || sub.contains("form"),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn filters() -> Filters {
        let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        Filters::new([("region".to_owned(), values(&["us", "eu west"])), ("site".to_owned(), values(&["7&8"]))])
            .expect("lawful filters")
    }

    fn forced(name: &str, target: &str) -> Result<String, FilterFault> {
        let mut request = Request::builder().uri(target).body(String::new()).expect("a request");
        force_query(name, &filters(), &mut request)?;
        Ok(request.uri().to_string())
    }

    #[test]
    fn each_value_is_a_parameter_before_those_of_the_client() {
        let own = "region=eu%20west&region=us&site=7%268";
        assert_eq!(forced("{key}", "/x"), Ok(format!("/x?{own}")));
        assert_eq!(forced("{key}", "/x?"), Ok(format!("/x?{own}")));
        assert_eq!(forced("{key}", "/x?a=%61+b&&c"), Ok(format!("/x?{own}&a=%61+b&&c")));
        let own = "only=region%3Aeu%20west&only=region%3Aus&only=site%3A7%268";
        assert_eq!(forced("only", "/x?region=us"), Ok(format!("/x?{own}&region=us")));
        let own = "f.region=eu%20west&f.region=us&f.site=7%268";
        assert_eq!(forced("f.{key}", "/x?site=1"), Ok(format!("/x?{own}&site=1")));
        assert_eq!(forced("{key}", "/x?SITE=1"), Err(FilterFault::Query(ParameterFault::Taken("site".to_owned()))));
    }

    #[test]
    fn more_than_a_server_reads_is_refused() {
        let many = |key: usize| (format!("k{key}"), (0..64).map(|value| value.to_string()).collect());
        let mut request = Request::builder().uri("/x").body(String::new()).expect("a request");
        let filters = Filters::new((0..7).map(many)).expect("448 values");
        assert_eq!(force_query("{key}", &filters, &mut request), Ok(()));
        let just = |key: usize| (format!("k{key}"), (0..50).map(|value| value.to_string()).collect());
        let filters = Filters::new((0..10).map(just)).expect("500 values");
        let mut request = Request::builder().uri("/x").body(String::new()).expect("a request");
        assert_eq!(force_query("{key}", &filters, &mut request), Ok(()), "as many as there may be");
        let filters = Filters::new((0..8).map(many)).expect("512 values");
        assert_eq!(force_query("{key}", &filters, &mut request), Err(FilterFault::TooLarge));
        let long = format!("/x?{}", "y".repeat(65_500));
        assert_eq!(
            forced("{key}", &long),
            Err(FilterFault::Query(ParameterFault::Unclear(
                "it has a parameter whose name is too long or no plain ASCII"
            )))
        );
        assert_eq!(forced("{key}", &long.replacen("/x?", "/x?y=", 1)), Err(FilterFault::TooLong));
    }

    #[test]
    fn a_body_passes_that_says_clearly_that_it_is_no_form() {
        let with = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for one in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(one));
            }
            may_be_form(&headers)
        };
        for plain in ["application/json", "application/vnd.api+json; charset=utf-8", "text/csv", "image/png"] {
            assert!(!with(&[plain]), "{plain}");
        }
        for form in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLEncoded;charset=utf-8",
            "multipart/form-data; boundary=x",
            "multipart/mixed",
            "application/json, application/x-www-form-urlencoded",
            "json",
            "/json",
            "application/",
            "a b/json",
            "application/js on",
            "",
        ] {
            assert!(with(&[form]), "{form}");
        }
        assert!(with(&[]) && with(&["application/json", "application/json"]));
    }
}
