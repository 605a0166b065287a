//! Settings into what each part takes: the only translation between the two.

use std::sync::Arc;
use std::thread::available_parallelism;

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue, Method};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::error::StartError;
use crate::auth::{CacheOptions, NearExpiry, VerifierOptions};
use crate::config::{self, Identity, ListenerMaterial, Settings, UpstreamMaterial};
use crate::limit::KeyedLimiter;
use crate::model::TokenHasher;
use crate::proxy::{
    AccountSelector, Carrier, Carriers, Cors, Emit, FilterRule, Forwarding, HostHeader, Origins, Preflight, Route,
    RouteLimit, Rule, TrustError, UpstreamOptions, UpstreamTls, UpstreamVersion, WebSockets, client_config,
};
use crate::route::Pattern;
use crate::server::{Address, Grant, Place, ProxyProtocol, TlsMaterial, TrustedHeader, TrustedProxies};

pub(super) fn worker_count(server: &config::Server) -> usize {
    server.workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}

/// How long a client may take nothing, or send nothing that is waited for.
pub(super) fn stall(server: &config::Server) -> Grant {
    Grant { most: Some(server.stall_timeout), min_rate: server.min_rate }
}

/// What a listener shows and whom it believes, of what its files hold.
pub(super) fn listener_tls(material: ListenerMaterial) -> TlsMaterial {
    let ListenerMaterial { default, others, clients } = material;
    let named = |identity: &Identity| {
        let key = Arc::clone(&identity.key);
        identity.names.iter().map(move |name| (name.clone(), Arc::clone(&key))).collect::<Vec<_>>()
    };
    // Also the default one's own names: an exact name of its goes before another one's `*`.
    let named = std::iter::once(&default).chain(&others).flat_map(named).collect();
    TlsMaterial { default: default.key, named, clients }
}

/// How an upstream is connected to, of what its files hold.
pub(super) fn upstream_tls(
    material: UpstreamMaterial,
    version: UpstreamVersion,
) -> Result<Arc<ClientConfig>, TrustError> {
    client_config(material.roots, material.client.map(|identity| identity.key), version)
}

/// Where the two listeners are.
pub(super) struct Places {
    pub(super) public: Place,
    pub(super) admin: Place,
}

pub(super) fn address(listener: &config::Listener) -> Address {
    match &listener.address {
        config::ListenAddress::Tcp(address) => Address::Tcp(*address),
        config::ListenAddress::Unix { path, mode } => Address::Unix { path: path.clone(), mode: *mode },
    }
}

pub(super) fn trusted_proxies(settings: &Settings) -> Arc<TrustedProxies> {
    let config::Trusted { networks, unix } = settings.forwarding.trusted_proxies.clone();
    Arc::new(TrustedProxies::new(networks, unix))
}

pub(super) fn proxy_protocol(listener: &config::Listener) -> ProxyProtocol {
    match listener.proxy_protocol {
        config::ProxyProtocol::Off => ProxyProtocol::Off,
        config::ProxyProtocol::Optional => ProxyProtocol::Optional,
        config::ProxyProtocol::Required => ProxyProtocol::Required,
    }
}

pub(super) fn trusted_header(settings: &Settings) -> TrustedHeader {
    match settings.forwarding.trusted_header {
        config::TrustedHeader::XForwarded => TrustedHeader::XForwarded,
        config::TrustedHeader::Forwarded => TrustedHeader::Forwarded,
    }
}

pub(super) fn forwarding(settings: &Settings, trusted: &Arc<TrustedProxies>) -> Forwarding {
    let emit = match settings.forwarding.emit {
        config::Emit::XForwarded => Emit::XForwarded,
        config::Emit::Forwarded => Emit::Forwarded,
        config::Emit::Both => Emit::Both,
        config::Emit::Nothing => Emit::Nothing,
    };
    let via = match &settings.forwarding.via {
        config::Via::Off => None,
        config::Via::Named(name) => Some(name.clone()),
        // No secret, and told from another gateway's all the same.
        config::Via::Made => Some(format!("keygate-{:08x}", fastrand::u32(..))),
    };
    Forwarding { trusted: Arc::clone(trusted), header: trusted_header(settings), emit, via }
}

pub(super) fn verifier(settings: &Settings) -> VerifierOptions {
    let cache = CacheOptions {
        tokens: settings.cache.tokens,
        unknown: settings.cache.unknown,
        unknown_ttl: settings.cache.unknown_ttl,
    };
    let hasher = TokenHasher::new(&settings.tokens.pepper);
    VerifierOptions { prefix: settings.tokens.prefix.clone(), hasher, cache }
}

/// What clients are told of an expiry that is near.
pub(super) fn near_expiry(tokens: &config::Tokens) -> Option<NearExpiry> {
    let config::ExpiresHeader { name, within } = tokens.expires_header.as_ref()?;
    let header = HeaderName::try_from(name.as_str()).expect("the configuration was checked for header names");
    Some(NearExpiry { header, within: *within })
}

pub(super) fn routes(settings: &Settings) -> Vec<(Pattern, Route)> {
    settings.routes.iter().map(|route| (pattern(route), self::route(route, settings))).collect()
}

fn pattern(route: &config::Route) -> Pattern {
    let methods: Vec<Method> = route.methods.iter().filter_map(config::MethodName::method).collect();
    Pattern { host: route.host.clone(), path: route.path.clone(), methods }
}

fn route(route: &config::Route, settings: &Settings) -> Route {
    Route {
        name: route.name.clone(),
        rule: rule(route),
        upstream: route.upstream,
        carriers: route.carriers.as_ref().map(carriers),
        account: route.account.as_ref().map(selector),
        preflight: preflight(route.preflight),
        names_options: route.methods.iter().any(|method| method.0 == "OPTIONS"),
        cors: route.cors.as_ref().map(cors),
        filter: route.filter.as_ref().map(filter),
        max_body: route.max_body,
        response_timeout: route.timeout.unwrap_or(settings.upstreams[route.upstream].response_timeout),
        websockets: match route.websocket {
            config::WebSocket::Off => WebSockets::Off,
            config::WebSocket::Recheck => WebSockets::Recheck,
            config::WebSocket::Last => WebSockets::Last,
        },
        stream_idle: route.stream_idle_timeout.unwrap_or(settings.server.stream_idle_timeout),
        limit: route.rate_limit.map(|limit| RouteLimit {
            limiter: Arc::new(KeyedLimiter::new(limit.quota)),
            each: limit.key == config::LimitKey::Token,
        }),
    }
}

/// Public is what says so, and not what merely names no resource.
fn rule(route: &config::Route) -> Rule {
    if route.public {
        return Rule::Public;
    }
    let resource = route.resource.clone().expect("the configuration was checked: what is not public has a resource");
    Rule::Protected { resource, action: route.action }
}

fn selector(selector: &config::AccountSelector) -> AccountSelector {
    match selector {
        config::AccountSelector::Header(name) => AccountSelector::Header(
            HeaderName::try_from(name.as_str()).expect("the configuration was checked for header names"),
        ),
        config::AccountSelector::Path(name) => AccountSelector::Path(name.clone()),
    }
}

fn carriers(carriers: &config::Carriers) -> Carriers {
    let said = [
        (carriers.bearer, Carrier::Bearer),
        (carriers.token, Carrier::Token),
        (carriers.basic, Carrier::Basic),
        (carriers.websocket, Carrier::WebSocket),
    ];
    let said = said.into_iter().filter_map(|(on, carrier)| on.then_some(carrier));
    let header = carriers.header.clone().map(Carrier::Header);
    Carriers::new(said.chain(header).chain(carriers.query.clone().map(Carrier::Query)))
}

fn preflight(preflight: config::Preflight) -> Preflight {
    match preflight {
        config::Preflight::Pass => Preflight::Pass,
        config::Preflight::Answer => Preflight::Answer,
        config::Preflight::Authenticate => Preflight::Authenticate,
    }
}

/// `Authorization` is never meant by `*` (Fetch standard), and refusals have more to read than documents.
fn cors(cors: &config::Cors) -> Cors {
    let list = |names: &[String], more: &[&str]| {
        let all: Vec<&str> = names.iter().map(String::as_str).chain(more.iter().copied()).collect();
        HeaderValue::try_from(all.join(", ")).expect("the configuration was checked for names")
    };
    let origin = |origin: &String| HeaderValue::try_from(origin).expect("the configuration was checked for origins");
    let is_any = |names: &[String]| names.iter().any(|name| name == "*");
    Cors {
        origins: match is_any(&cors.origins) {
            true => Origins::Any,
            false => Origins::These(cors.origins.iter().map(origin).collect()),
        },
        methods: list(&cors.methods, &[]),
        headers: list(&cors.headers, if is_any(&cors.headers) { &["authorization"] } else { &[] }),
        exposed: list(&cors.expose, &["www-authenticate", "retry-after", "x-request-id"]),
        max_age: cors.max_age.as_secs(),
        credentials: cors.credentials,
    }
}

fn filter(filter: &config::Filter) -> FilterRule {
    match filter {
        config::Filter::Query(name) => FilterRule::Query(name.clone()),
        config::Filter::Header(name) => FilterRule::Header(
            HeaderName::try_from(name.as_str()).expect("the configuration was checked for header names"),
        ),
    }
}

pub(super) fn upstream_version(upstream: &config::Upstream) -> UpstreamVersion {
    match upstream.version {
        config::UpstreamVersion::Auto => UpstreamVersion::Auto,
        config::UpstreamVersion::Http1 => UpstreamVersion::Http1,
        config::UpstreamVersion::Http2 => UpstreamVersion::Http2,
    }
}

/// `tls`: for an `https://` URL.
pub(super) fn upstream(
    upstream: &config::Upstream,
    tls: Option<Arc<ArcSwap<ClientConfig>>>,
) -> Result<UpstreamOptions, StartError> {
    let tls = tls.map(|config| {
        let name = upstream.tls.server_name.clone().unwrap_or_else(|| upstream.host.clone());
        match ServerName::try_from(name.clone()) {
            Ok(name) => Ok(UpstreamTls { config, name }),
            Err(_) => Err(StartError::ServerName { upstream: upstream.name.clone(), name }),
        }
    });
    Ok(UpstreamOptions {
        name: upstream.name.clone(),
        host: upstream.host.clone(),
        port: upstream.port,
        socket: upstream.socket.clone(),
        tls: tls.transpose()?,
        version: upstream_version(upstream),
        host_header: host_header(upstream),
        connect_timeout: upstream.connect_timeout,
        max_idle: upstream.max_idle,
        idle_timeout: upstream.idle_timeout,
    })
}

fn host_header(upstream: &config::Upstream) -> HostHeader {
    let own = || {
        let default = if upstream.scheme == config::Scheme::Https { 443 } else { 80 };
        let host = if upstream.host.contains(':') { format!("[{}]", upstream.host) } else { upstream.host.clone() };
        if upstream.port == default { host } else { format!("{host}:{}", upstream.port) }
    };
    let fixed =
        |host: String| HostHeader::Fixed(HeaderValue::try_from(host).expect("the configuration was checked for hosts"));
    match &upstream.host_header {
        config::HostHeader::Preserve => HostHeader::Preserve,
        config::HostHeader::Upstream => fixed(own()),
        config::HostHeader::Fixed(host) => fixed(host.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(public: bool) -> config::Route {
        config::Route {
            name: "devices".to_owned(),
            host: None,
            path: "/v1/devices".to_owned(),
            methods: Default::default(),
            resource: None,
            action: None,
            upstream: 0,
            public,
            account: None,
            carriers: None,
            preflight: config::Preflight::Pass,
            cors: None,
            filter: None,
            max_body: None,
            timeout: None,
            websocket: config::WebSocket::Off,
            stream_idle_timeout: None,
            rate_limit: None,
        }
    }

    #[test]
    fn what_says_so_is_public() {
        assert!(matches!(rule(&route(true)), Rule::Public));
    }

    #[test]
    #[should_panic(expected = "what is not public has a resource")]
    fn a_route_without_a_resource_is_not_public_for_that() {
        rule(&route(false));
    }
}
