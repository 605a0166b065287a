//! What is asked of the targets in one run: how many connections, which request, which answer.

use crate::bulk::Bulk;
use crate::gateway::USED;
use crate::handshakes::Handshakes;
use crate::refusal::Refusal;
use crate::report::Unit;

/// Each field is an option of the same name, so that a run is a line to type.
#[derive(Debug, Clone, clap::Args)]
pub struct Shape {
    /// How many connections the load keeps open.
    #[arg(long, value_name = "N", default_value_t = Self::CONNECTIONS, value_parser = clap::value_parser!(u32).range(1..=8000))]
    pub connections: u32,

    /// How many bytes the upstream answers with.
    #[arg(long, value_name = "BYTES", default_value_t = Self::ANSWER, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub answer: u32,

    /// Sends POST with a body of so many bytes in place of GET.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub post: Option<u32>,

    /// The load comes over TLS 1.3. The upstream is spoken to without it, as always.
    #[arg(long, conflicts_with = "refused")]
    pub tls: bool,

    /// The load comes as HTTP/2, so many requests at a time over each connection. The upstream is sent HTTP/1.1.
    #[arg(long, value_name = "STREAMS", conflicts_with = "refused", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub http2: Option<u32>,

    /// Connections over TLS that are opened and closed, in place of requests.
    #[arg(long, value_name = "KIND", conflicts_with_all = ["refused", "post", "answer", "http2", "access_log", "connections"])]
    pub handshakes: Option<Handshakes>,

    /// One very large body at a time, in place of small ones.
    #[arg(long, value_name = "WAY", conflicts_with_all = ["refused", "post", "answer", "handshakes", "access_log", "connections"])]
    pub bulk: Option<Bulk>,

    /// How large it is.
    #[arg(long, value_name = "N", default_value_t = Self::MIB, requires = "bulk", value_parser = clap::value_parser!(u32).range(1..=1 << 16))]
    pub mib: u32,

    /// Keygate alone: a store of so many tokens of which 100,000 are used in turn, beside a store of one.
    #[arg(long, value_name = "N", conflicts_with_all = ["peers_only", "post", "only", "access_log", "http2", "handshakes", "bulk", "refused"], value_parser = clap::value_parser!(u64).range(2..))]
    pub tokens: Option<u64>,

    /// Keygate alone: so many routes, beside one.
    #[arg(long, value_name = "N", conflicts_with_all = ["peers_only", "only", "handshakes", "bulk", "refused", "tokens"], value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub routes: Option<u32>,

    /// Requests that Keygate refuses, beside one that it forwards: no token, a wrong checksum, a token that nobody was
    /// given, a method that the token has no right to.
    #[arg(long, value_name = "KIND", value_delimiter = ',', conflicts_with_all = ["peers_only", "post", "only", "access_log"])]
    pub refused: Vec<Refusal>,

    /// Has a line written to a file for each request, by those that do such a thing: HAProxy does not.
    #[arg(long)]
    pub access_log: bool,

    /// Which targets, where not all that are installed.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<Name>,
}

/// What is measured, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    Keygate,
    Nginx,
    /// It passes on what it reads of a large answer at once, and reads no further before that.
    NginxUnbuffered,
    /// With its defaults, by which large bodies go through files.
    NginxSpooled,
    Haproxy,
    Relay,
    Envoy,
    Caddy,
}

impl Name {
    pub fn text(self) -> &'static str {
        match self {
            Self::Keygate => "keygate",
            Self::Nginx => "nginx",
            Self::NginxUnbuffered => "nginx-unbuffered",
            Self::NginxSpooled => "nginx-default",
            Self::Haproxy => "haproxy",
            Self::Relay => "relay",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
        }
    }

    /// How many times its processor time Keygate may spend. Of the relay's efficiency three quarters are to be left.
    pub fn bar(self) -> Option<f64> {
        match self {
            Self::Keygate | Self::NginxUnbuffered | Self::NginxSpooled | Self::Caddy => None,
            Self::Nginx => Some(1.0),
            Self::Haproxy => Some(0.95),
            Self::Relay => Some(1.333),
            Self::Envoy => Some(0.25),
        }
    }

    fn logs_to_a_file(self) -> bool {
        !matches!(self, Self::Haproxy | Self::Relay)
    }
}

impl Shape {
    const CONNECTIONS: u32 = 64;
    const ANSWER: u32 = 75;
    const MIB: u32 = 1024;

    /// The usual load, of Keygate and of nginx.
    pub fn beside_nginx() -> Self {
        Self { only: vec![Name::Keygate, Name::Nginx], ..Self::usual() }
    }

    fn usual() -> Self {
        Self {
            connections: Self::CONNECTIONS,
            answer: Self::ANSWER,
            post: None,
            tls: false,
            http2: None,
            handshakes: None,
            bulk: None,
            mib: Self::MIB,
            tokens: None,
            routes: None,
            refused: Vec::new(),
            access_log: false,
            only: Vec::new(),
        }
    }

    /// Those of the page. Envoy and Caddy are far from the others, so that one table with them is enough.
    pub fn all() -> Vec<Self> {
        let (usual, beside_nginx) = (Self::usual(), Self::beside_nginx());
        let near = Self { only: vec![Name::Keygate, Name::Nginx, Name::Haproxy, Name::Relay], ..usual.clone() };
        let multiplexed = Self { connections: 8, http2: Some(8), ..beside_nginx.clone() };
        let refused = vec![Refusal::None, Refusal::Checksum, Refusal::Unknown, Refusal::Method];
        vec![
            usual.clone(),
            Self { connections: 1, ..near.clone() },
            Self { connections: 1000, ..near.clone() },
            Self { answer: 16384, ..near.clone() },
            Self { post: Some(1024), ..near },
            Self { refused, ..usual.clone() },
            Self { tokens: Some(1_000_000), ..usual.clone() },
            Self { routes: Some(1_000), ..usual.clone() },
            Self { access_log: true, ..beside_nginx.clone() },
            Self { tls: true, ..beside_nginx.clone() },
            multiplexed.clone(),
            Self { tls: true, ..multiplexed },
            Self { handshakes: Some(Handshakes::Full), ..beside_nginx.clone() },
            Self { handshakes: Some(Handshakes::Resumed), ..beside_nginx },
            Self { bulk: Some(Bulk::Download), ..usual.clone() },
            Self { bulk: Some(Bulk::Upload), ..usual.clone() },
            Self { bulk: Some(Bulk::Download), tls: true, ..usual.clone() },
            Self { bulk: Some(Bulk::Upload), tls: true, ..usual.clone() },
            Self { bulk: Some(Bulk::Download), tls: true, http2: Some(1), ..usual.clone() },
            Self { bulk: Some(Bulk::Upload), tls: true, http2: Some(1), ..usual },
        ]
    }

    /// As much of it as shows that it works.
    pub fn shortened(self) -> Self {
        Self { mib: self.mib.min(16), tokens: self.tokens.map(|tokens| tokens.min(2_000)), ..self }
    }

    pub fn has_tls(&self) -> bool {
        self.tls || self.handshakes.is_some()
    }

    /// What processor time is told for.
    pub fn unit(&self) -> Unit {
        match (self.handshakes, self.bulk) {
            (Some(_), _) => Unit::HANDSHAKE,
            (_, Some(_)) => Unit::GIBIBYTE,
            _ => Unit::REQUEST,
        }
    }

    /// How many times the processor time of a target Keygate may spend.
    pub fn bar(&self, name: Name) -> Option<f64> {
        if self.bulk.is_some() && name == Name::Nginx { Some(1.1) } else { name.bar() }
    }

    /// Whether the rows are all Keygate's, and how many times the processor time of the first the others may take.
    pub fn within(&self) -> Option<f64> {
        match (self.tokens, self.routes) {
            (Some(_), _) => Some(1.25),
            (_, Some(_)) => Some(1.1),
            _ if self.refused.is_empty() => None,
            _ => Some(Refusal::BAR),
        }
    }

    pub fn wants(&self, name: Name) -> bool {
        if self.within().is_some() {
            return name == Name::Keygate;
        }
        let can = match name {
            Name::Keygate | Name::Nginx => true,
            Name::NginxUnbuffered => self.bulk == Some(Bulk::Download),
            Name::NginxSpooled => self.bulk.is_some(),
            _ => {
                (!self.access_log || name.logs_to_a_file())
                    && !self.has_tls()
                    && self.http2.is_none()
                    && self.bulk.is_none()
            }
        };
        can && (self.only.is_empty() || self.only.contains(&name))
    }

    /// How many connections to the upstream a target may keep: enough for all.
    pub fn kept(&self) -> u32 {
        (self.connections * self.http2.unwrap_or(1)).max(256)
    }

    /// The heading of its section.
    pub fn title(&self) -> String {
        let mut connections = match self.connections {
            1 => "1 connection".to_owned(),
            number => format!("{number} connections"),
        };
        if let Some(kind) = self.handshakes {
            return format!("TLS handshakes, {}", kind.text());
        }
        if let Some(way) = self.bulk {
            let size = if self.mib.is_multiple_of(1024) {
                format!("{} GiB", self.mib / 1024)
            } else {
                format!("{} MiB", self.mib)
            };
            let http = if self.http2.is_some() { ", HTTP/2" } else { "" };
            let tls = if self.tls { " over TLS" } else { "" };
            return format!("{} of {size}{http}{tls}", way.title());
        }
        if let Some(tokens) = self.tokens {
            return format!("{} tokens, {} of them in use, {connections}", grouped(tokens), grouped(tokens.min(USED)));
        }
        if let Some(routes) = self.routes {
            return format!("{} routes, {connections}", grouped(routes.into()));
        }
        if let Some(streams) = self.http2 {
            connections += &format!(" of {streams} streams, HTTP/2");
        }
        if self.tls {
            connections += " over TLS";
        }
        let size = bytes(self.answer);
        if !self.refused.is_empty() {
            return format!("Refusals, {connections}");
        }
        let request = match self.post {
            None => format!("GET, {size} back"),
            Some(body) => format!("POST of {}, {size} back", bytes(body)),
        };
        let log = if self.access_log { ", access log on" } else { "" };
        format!("{request}, {connections}{log}")
    }

    /// What has to be typed to have it again.
    pub fn arguments(&self) -> String {
        let mut arguments = Vec::new();
        if self.connections != Self::CONNECTIONS {
            arguments.push(format!("--connections {}", self.connections));
        }
        if self.answer != Self::ANSWER {
            arguments.push(format!("--answer {}", self.answer));
        }
        if let Some(body) = self.post {
            arguments.push(format!("--post {body}"));
        }
        if self.tls {
            arguments.push("--tls".to_owned());
        }
        if let Some(streams) = self.http2 {
            arguments.push(format!("--http2 {streams}"));
        }
        if let Some(kind) = self.handshakes {
            arguments.push(format!("--handshakes {}", kind.text()));
        }
        if let Some(way) = self.bulk {
            arguments.push(format!("--bulk {}", way.text()));
        }
        if let Some(tokens) = self.tokens {
            arguments.push(format!("--tokens {tokens}"));
        }
        if let Some(routes) = self.routes {
            arguments.push(format!("--routes {routes}"));
        }
        if self.bulk.is_some() && self.mib != Self::MIB {
            arguments.push(format!("--mib {}", self.mib));
        }
        if !self.refused.is_empty() {
            let kinds: Vec<&str> = self.refused.iter().map(|kind| kind.text()).collect();
            arguments.push(format!("--refused {}", kinds.join(",")));
        }
        if self.access_log {
            arguments.push("--access-log".to_owned());
        }
        if !self.only.is_empty() {
            let names: Vec<&str> = self.only.iter().map(|name| name.text()).collect();
            arguments.push(format!("--only {}", names.join(",")));
        }
        arguments.join(" ")
    }
}

fn bytes(number: u32) -> String {
    if number >= 1024 && number.is_multiple_of(1024) {
        format!("{} KiB", number / 1024)
    } else {
        format!("{number} bytes")
    }
}

/// With a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let threes = rest.as_bytes().chunks(3).map(|three| format!(",{}", String::from_utf8_lossy(three)));
    first.to_owned() + &threes.collect::<String>()
}
