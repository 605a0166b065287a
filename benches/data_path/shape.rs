//! What is asked of the targets in one run: how many connections, which request, which answer.

use crate::refusal::Refusal;

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
            Self::Haproxy => "haproxy",
            Self::Relay => "relay",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
        }
    }

    /// How many times its processor time Keygate may spend. Of the relay's efficiency three quarters are to be left.
    pub fn bar(self) -> Option<f64> {
        match self {
            Self::Keygate | Self::Caddy => None,
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

    /// Those of the page. Envoy and Caddy are far from the others, so that one table with them is enough.
    pub fn all() -> Vec<Self> {
        let usual = Self {
            connections: Self::CONNECTIONS,
            answer: Self::ANSWER,
            post: None,
            refused: Vec::new(),
            access_log: false,
            only: Vec::new(),
        };
        let near = Self { only: vec![Name::Keygate, Name::Nginx, Name::Haproxy, Name::Relay], ..usual.clone() };
        let refused = vec![Refusal::None, Refusal::Checksum, Refusal::Unknown, Refusal::Method];
        vec![
            usual.clone(),
            Self { connections: 1, ..near.clone() },
            Self { connections: 1000, ..near.clone() },
            Self { answer: 16384, ..near.clone() },
            Self { post: Some(1024), ..near },
            Self { refused, ..usual.clone() },
            Self { access_log: true, only: vec![Name::Keygate, Name::Nginx], ..usual },
        ]
    }

    pub fn wants(&self, name: Name) -> bool {
        if !self.refused.is_empty() {
            return name == Name::Keygate;
        }
        (self.only.is_empty() || self.only.contains(&name)) && (!self.access_log || name.logs_to_a_file())
    }

    /// How many connections to the upstream a target may keep: enough for all.
    pub fn kept(&self) -> u32 {
        self.connections.max(256)
    }

    /// The heading of its section.
    pub fn title(&self) -> String {
        let connections = match self.connections {
            1 => "1 connection".to_owned(),
            number => format!("{number} connections"),
        };
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
