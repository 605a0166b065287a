//! `keygate healthcheck`: for container health checks and scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Method;

use super::Environment;
use super::args::{AdminArgs, HealthcheckArgs};
use super::client::{self, Client, Trust};
use super::config_file;
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::plain;
use crate::config::{ListenAddress, Listener};

/// Health checks know two answers: 0 and 1.
pub(super) fn healthcheck(
    args: &HealthcheckArgs,
    admin: &AdminArgs,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let client = target(args, admin, environment)?;
    let answer =
        client.send(Method::GET, "/readyz", None).map_err(|failure| Failure { exit: Exit::Failed, ..failure })?;
    if answer.status == 200 {
        return Ok(Exit::Ok);
    }
    let reason = String::from_utf8_lossy(&answer.body);
    let reason = plain(reason.trim());
    Err(Failure::failed(format!("not ready: /readyz answered {} {reason}", answer.status)))
}

/// `--url`, else an admin URL that was named, else the configuration's admin listener, else the default.
fn target(args: &HealthcheckArgs, admin: &AdminArgs, environment: &Environment) -> Result<Client, Failure> {
    let trust = || admin.ca.as_ref().map_or(Trust::System, |path| Trust::Authorities(path.clone()));
    if let Some(url) = &args.url {
        return Client::anonymous(url, trust());
    }
    let names_url =
        admin.admin_url.is_some() || environment.get("KEYGATE_ADMIN_URL").is_some_and(|url| !url.is_empty());
    if args.config.config.is_none() && names_url {
        return Client::anonymous(&client::url(admin, environment), trust());
    }
    let Ok(path) = config_file::find(&args.config, environment) else {
        return Client::anonymous(&client::url(admin, environment), trust());
    };
    let listener = config_file::load(&path, environment)?.settings.admin;
    let trust = listener.tls.as_ref().map_or(Trust::System, |tls| Trust::Exactly(tls.default.certificate.clone()));
    Client::anonymous(&url_of(&listener), trust)
}

/// How this machine reaches the listener.
pub(super) fn url_of(listener: &Listener) -> String {
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    let address = match &listener.address {
        ListenAddress::Tcp(address) => address,
        ListenAddress::Unix { .. } => return listener.address.to_string(),
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_listener_is_reached_by_loopback() {
        for (address, url) in [
            ("0.0.0.0:9901", "http://127.0.0.1:9901"),
            ("[::]:9901", "http://[::1]:9901"),
            ("10.1.2.3:9901", "http://10.1.2.3:9901"),
        ] {
            assert_eq!(
                url_of(&Listener {
                    address: ListenAddress::Tcp(address.parse().expect("an address")),
                    tls: None,
                    proxy_protocol: crate::config::ProxyProtocol::Off
                }),
                url
            );
        }
    }
}
