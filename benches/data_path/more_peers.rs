//! The peers that few systems package: Envoy with a thousand keys, and Caddy with one token.

use std::fmt::Write;
use std::path::Path;

use crate::Outcome;
use crate::exchange::Door;
use crate::init::free_port;
use crate::machine::{self, TARGET_CPU};
use crate::process::Process;
use crate::shape::{Name, Shape};
use crate::target::Target;
use crate::upstream::Bed;

impl Bed {
    pub fn envoy(&self, program: &Path, shape: &Shape, tokens: &[String]) -> Outcome<Target> {
        let port = free_port()?;
        let mut credentials = String::new();
        for (number, token) in tokens.iter().enumerate() {
            writeln!(credentials, "              - {{key: {token}, client: account-{number}}}")?;
        }
        let log = shape.access_log.then(|| self.path().join("envoy.access"));
        let access_log = log.as_ref().map_or_else(String::new, |log| {
            format!(
                "access_log: [{{name: file, typed_config: {{\"@type\": \
                 type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: \"{}\"}}}}]",
                log.display()
            )
        });
        let text = format!(
            r#"static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: public
          generate_request_id: false
          use_remote_address: true
          {access_log}
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: devices}}}}]}}]}}
          http_filters:
          - name: envoy.filters.http.api_key_auth
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth
              key_sources: [{{header: Authorization}}]
              credentials:
{credentials}
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: devices
    connect_timeout: 1s
    type: STATIC
    circuit_breakers: {{thresholds: [{{max_connections: 8192, max_pending_requests: 8192, max_requests: 8192}}]}}
    load_assignment: {{cluster_name: devices, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}}}]}}]}}
"#,
            upstream = self.upstream_port
        );
        let file = self.write("envoy.yaml", &text)?.display().to_string();
        let arguments = ["-c", &file, "--concurrency", "1", "-l", "error", "--disable-hot-restart"];
        let mut process = Process::start("envoy", TARGET_CPU, self.path(), program, &arguments)?;
        process.wait_for(port)?;
        let version = machine::version(program, "--version")?;
        Ok(Target {
            name: Name::Envoy,
            row: Name::Envoy.text(),
            version,
            door: Door::plain(port),
            token: tokens[0].clone(),
            reader: None,
            turns: None,
            log,
            process,
        })
    }

    pub fn caddy(&self, program: &Path, shape: &Shape, token: &str) -> Outcome<Target> {
        let port = free_port()?;
        let log = shape.access_log.then(|| self.path().join("caddy.access"));
        let access_log =
            log.as_ref().map(|log| format!("log {{\n  output file {}\n }}", log.display())).unwrap_or_default();
        let text = format!(
            r#"{{
 admin off
 auto_https off
 log default {{
  level ERROR
 }}
}}
http://127.0.0.1:{port} {{
 {access_log}
 @allowed header Authorization "Bearer {token}"
 handle @allowed {{
  reverse_proxy 127.0.0.1:{upstream} {{
   header_up -Authorization
   transport http {{
    keepalive_idle_conns_per_host {kept}
   }}
  }}
 }}
 respond 401
}}
"#,
            upstream = self.upstream_port,
            kept = shape.kept()
        );
        let file = self.write("Caddyfile", &text)?.display().to_string();
        let arguments = ["run", "--adapter", "caddyfile", "--config", &file];
        let mut process = Process::start("caddy", TARGET_CPU, self.path(), program, &arguments)?;
        process.wait_for(port)?;
        let version = machine::version(program, "version")?;
        Ok(Target {
            name: Name::Caddy,
            row: Name::Caddy.text(),
            version,
            door: Door::plain(port),
            token: token.to_owned(),
            reader: None,
            turns: None,
            log,
            process,
        })
    }
}
