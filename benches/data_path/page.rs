//! The same as a page of Markdown.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::Outcome;
use crate::figures::Figures;
use crate::machine;
use crate::report::{Report, Row, Unit};

/// One run of one shape, or of what is measured besides.
#[derive(Debug)]
pub struct Section {
    pub title: String,
    pub command: String,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    Report(Report),
    Figures(Figures),
}

const HEAD: &str = "# What a request costs

<!-- Written by `cargo bench --bench data_path -- --all --page docs/performance.md`, from benches/data_path/page.rs. -->

Processor time of a request through Keygate, beside that of others which do the same work.

## How to read it

* **Read the ratios, not the times.** Times are of one machine. Rounds of all rows alternate, so that what disturbs the machine disturbs all of them.
* **The ratio** is Keygate's processor time to the target's, round by round: the median, and in parentheses the least and the most. Below 1, Keygate takes less. **The bar** is what Keygate is held to; a ratio above it is bold.
* **Processor time** is user and system time of all processes of a target, for each request that was answered. A target has one processor for itself; the load, wrk or for HTTP/2 h2load, and the upstream, an nginx that answers from memory, share another one. Connections are kept open on both sides.
* **The same work**: a thousand tokens are known, the request has one of them, it is looked up, taken off, and the request forwarded with the client's address. HAProxy hashes the token (SHA-256) and looks the digest up, as Keygate does; nginx compares the texts, which is less; Caddy knows one token. Keygate does besides what it always does: rights, limits, metrics, counts of use, the checks of what a request may look like.
* **relay** is the floor: HAProxy in `mode tcp`, which copies bytes and looks at none of them. The bar leaves three quarters of its efficiency.
* **Requests a second and p99** are those of a load that asks as soon as it is answered. They tell of the load and the upstream as well, and of no service at its usual load.
* **TLS and HTTP/2** are between the load and the target: the upstream is sent HTTP/1.1 in the clear by all. Each shows the same certificate, ECDSA on P-256, and speaks TLS 1.3 with the same cipher. HTTP/2 without TLS begins with its preface (\"prior knowledge\"). h2load tells no quantiles.
* **Handshakes** are connections that are opened, agreed upon and closed. How many a processor does in a second follows from their processor time: a ratio below 1 is a rate above the other's.
* **A GiB** is one body, down to the client or up to the upstream, which is measured in milliseconds of processor time; requests a second are MiB a second there.
* **Without a cliff**: what many tokens and many routes cost is compared with what one costs, of Keygate alone. The store has a million tokens here; `--tokens 5000000` takes a few minutes more, and has the size that the bar is for.
* **Latency** is told for a load that does not wait: requests are due at fixed times, at half of the rate that saturates, and are measured from then on. What counts is what is added to a direct call.
* A round counts only if every request was answered as it should be and reached the upstream; or, where it is to be refused, none did.
";

/// Writes all of the page.
pub fn write(path: &Path, sections: &[Section]) -> Outcome<()> {
    let mut text = format!("{HEAD}\n{}", facts(sections)?);
    for section in sections {
        write!(text, "\n{}", section.text()?)?;
    }
    fs::write(path, text)?;
    Ok(())
}

/// Appends one section, with what it was measured on.
pub fn append(path: &Path, section: Section) -> Outcome<()> {
    let text = section.text()?;
    let text = format!("\n{text}\n{}", facts(&[section])?);
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())?;
    Ok(())
}

/// Where and when, and which versions.
fn facts(sections: &[Section]) -> Outcome<String> {
    let mut text =
        format!("Measured on {}, commit {}, on {}:\n\n", machine::today(), machine::commit(), machine::describe());
    let mut told = Vec::new();
    for (name, version) in sections.iter().flat_map(|section| section.body.versions()) {
        if !told.contains(name) {
            writeln!(text, "* {name}: {version}")?;
            told.push(name);
        }
    }
    Ok(text)
}

impl Section {
    fn text(&self) -> Outcome<String> {
        let table = match &self.body {
            Body::Report(report) => table(report)?,
            Body::Figures(figures) => figures.markdown()?,
        };
        Ok(format!("## {}\n\n```sh\n{}\n```\n\n{table}", self.title, self.command))
    }
}

impl Body {
    fn versions(&self) -> &[(&'static str, String)] {
        match self {
            Self::Report(report) => report.versions(),
            Self::Figures(figures) => &figures.versions,
        }
    }
}

fn table(report: &Report) -> Outcome<String> {
    let mut text = String::new();
    let Unit { each, time, rate, .. } = report.unit();
    writeln!(text, "Processor time is that of {each}; the ratio is {}.\n", report.ratio_of())?;
    writeln!(text, "| | user {time} | system {time} | both | {rate} | p99 | memory | ratio | bar |")?;
    writeln!(text, "|---|--:|--:|--:|--:|--:|--:|---|---|")?;
    for row in report.rows() {
        writeln!(text, "{}", line(&row))?;
    }
    for note in report.notes() {
        writeln!(text, "\n{note}")?;
    }
    Ok(text)
}

fn line(row: &Row) -> String {
    let Row { name, user, system, cpu, p99, .. } = row;
    let median = format!("{:.2}", row.ratio.median);
    let median = if row.meets_its_bar() { median } else { format!("**{median}**") };
    let bar = row.bar.map_or_else(|| "–".to_owned(), |bar| format!("at most {bar:.2}"));
    format!(
        "| {name} | {user:.1} | {system:.1} | {cpu:.1} | {:.0} | {p99} | {:.1} MiB | {median} ({:.2} to {:.2}) | {bar} |",
        row.per_second,
        row.resident / 1024.0,
        row.ratio.least,
        row.ratio.most
    )
}
