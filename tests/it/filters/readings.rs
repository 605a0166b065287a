//! What a server read of a request, in the ways in which programs read, and whether a filter came through.
//!
//! Nothing of the gateway's own code is used here: names are compared as the servers that fold, nest or cut
//! them do.

use serde_json::Value;

/// Name and value of each parameter.
pub type Pairs = Vec<(String, String)>;

/// One way of reading, and whether it takes a query for what it is.
pub struct Reading {
    pub way: String,
    pub exact: bool,
    pub pairs: Pairs,
}

/// What one of the scripts `query_server` answers.
pub fn of_script(answer: &Value) -> Vec<Reading> {
    let readings = |kind: &str| {
        let ways = answer[kind].as_object().unwrap_or_else(|| panic!("no {kind} in {answer}"));
        assert!(!ways.is_empty(), "{answer}");
        let reading =
            |(way, read): (&String, &Value)| Reading { way: way.clone(), exact: kind == "exact", pairs: pairs(read) };
        ways.iter().map(reading).collect::<Vec<_>>()
    };
    readings("exact").into_iter().chain(readings("careless")).collect()
}

/// What httpbin answers: arguments and forms are for one reading the same, as programs often take them.
pub fn of_httpbin(answer: &Value) -> Vec<Reading> {
    let both = ["args", "form", "files"].iter().flat_map(|part| {
        let fields = answer[part].as_object().unwrap_or_else(|| panic!("no {part} in {answer}"));
        fields.iter().flat_map(|(name, value)| match value.as_array() {
            Some(values) => values.iter().map(|value| (name.clone(), text(value))).collect(),
            None => vec![(name.clone(), text(value))],
        })
    });
    vec![Reading { way: "args and form".to_owned(), exact: true, pairs: both.collect() }]
}

/// `[[name, value], …]`, of parameters or headers.
pub fn pairs(list: &Value) -> Pairs {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

impl Reading {
    /// What is read for each name that the gateway sets, where it is not exactly what the gateway set.
    pub fn widened(&self, forced: &[(&str, &[&str])]) -> Option<(String, Vec<String>)> {
        forced.iter().find_map(|(name, values)| {
            let own = self.pairs.iter().filter(|(read, _)| is_read_as(read, name));
            let mut read: Vec<String> = own.map(|(_, value)| value.clone()).collect();
            let mut due = values.to_vec();
            read.sort();
            due.sort_unstable();
            // A careless reader misreads the filter's own special characters, whoever wrote them.
            let plain = values.iter().all(|value| value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b':'));
            let right = if self.exact || plain { read == due } else { !read.iter().any(|one| one.contains("evil")) };
            (!right).then(|| ((*name).to_owned(), read))
        })
    }
}

/// Whether some server takes `read` for `name`, for something in it, or for something around it.
fn is_read_as(read: &str, name: &str) -> bool {
    // To the first NUL, as in C; no case; blanks, dots, dashes and underscores alike, as in PHP and CGI.
    let flat = |text: &str| {
        let text = text.split('\0').next().unwrap_or_default().trim().to_lowercase();
        text.replace([' ', '.', '-', '_', '~'], "")
    };
    // `a[b]`, `a.b` and `[a]b` are paths into nested values; `a[]` is one of many.
    let nested =
        |text: &str| -> Vec<String> { text.split(['[', ']', '.']).map(flat).filter(|part| !part.is_empty()).collect() };
    let (read_path, own_path) = (nested(read), nested(name));
    let within = !read_path.is_empty() && read_path.iter().zip(&own_path).all(|(read, own)| read == own);
    within || flat(read) == flat(name)
}

/// Whether some server takes a header of the name `read` for `name`: as in CGI, where
/// all that is neither a letter nor a digit becomes an underscore.
pub fn is_header_read_as(read: &str, name: &str) -> bool {
    let variable = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    variable(read) == variable(name)
}
