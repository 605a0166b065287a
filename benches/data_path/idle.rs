//! Connections that were answered once and are idle since: what they take of memory and of the processor.

use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::crowd::{self, Entrance};
use crate::figures::{Figures, judged};
use crate::files;
use crate::gateway::start_keygates;
use crate::options::Options;
use crate::shape::{Name, Shape};
use crate::target::Target;
use crate::upstream::{self, Bed};

/// KiB of a connection.
const MEMORY: f64 = 24.0;
/// Milliseconds of processor time in a second, of all connections together: those of clocks and of sweeps.
const IDLENESS: f64 = 10.0;

pub fn title(options: &Options) -> String {
    format!("{} idle connections", options.crowd())
}

pub fn measure(options: &Options) -> Outcome<Figures> {
    files::allow(options.crowd())?;
    let shape = Shape::beside_nginx();
    let bed = Bed::new(&shape)?;
    let mut targets = start_keygates(&bed, &shape)?;
    targets.extend(bed.peers(&shape)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut figures = Figures {
        versions: targets.iter().map(|target| (target.name.text(), target.version.clone())).collect(),
        columns: vec!["", "KiB each", "bar", "busy ms in a second", "bar"],
        rows: Vec::new(),
        notes: vec![
            "Each connection is HTTP/1.1 in the clear, has had one request answered, and is open at the end. Memory is \
             what is resident more than with none of them; what is allocated once is no connection's. \
             Busy is processor time, of all connections together."
                .to_owned(),
        ],
    };
    for target in &targets {
        target.probe(&shape)?;
        eprintln!("{}: {}", title(options), target.row);
        figures.rows.push(runtime.block_on(row(target, &shape, options))?);
    }
    Ok(figures)
}

async fn row(target: &Target, shape: &Shape, options: &Options) -> Outcome<Vec<String>> {
    let body = upstream::body(shape.answer);
    let entrance = Entrance { port: target.door.port, token: target.token.clone(), certificate: None, body };
    drop(crowd::open(&entrance, 100).await?);
    let before = target.process.resident()?;
    let mut crowd = crowd::open(&entrance, options.crowd()).await?;
    let spent = target.process.cpu()?;
    thread::sleep(Duration::from_secs(options.seconds().into()));
    let spent = target.process.cpu()? - spent;
    let each = (target.process.resident()? as f64 - before as f64) / options.crowd() as f64;
    // Whoever had closed one would not answer.
    for connection in &mut crowd {
        crowd::ask(connection, &entrance).await?;
    }
    let busy = (spent.user + spent.system) * 1e3 / f64::from(options.seconds());
    let is_held = target.name == Name::Keygate;
    let bar = |bar: f64| if is_held { format!("at most {bar}") } else { "–".to_owned() };
    let figure = |figure: f64, bar: f64| if is_held { judged(figure, bar) } else { format!("{figure:.2}") };
    Ok(vec![target.row.to_owned(), figure(each, MEMORY), bar(MEMORY), figure(busy, IDLENESS), bar(IDLENESS)])
}
