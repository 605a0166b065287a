//! Requests of clients that want to see more than their token lets them: generated, in every way to spell,
//! repeat and encode a parameter that is known to have deceived some server.

use fastrand::Rng;

/// Names that mean nothing to anybody, some of them near to one that does.
const HARMLESS: [&str; 9] =
    ["q", "page", "sort", "regional", "my_region", "onlyness", "x.region", "where[name][eq]", "f2"];
const BEFORE: [&str; 16] =
    ["[", "[][", ".", "_", "-", "!", "%20", "+", "%00", "%EF%BB%BF", "a[", "x&", "?", "%26", "amp;", "/"];
const BEHIND: [&str; 30] = [
    "[]",
    "[0]",
    "[a]",
    "[][]",
    "[$in]",
    "[$ne]",
    "%5B%5D",
    "%5b0%5d",
    "%255B%255D",
    "[",
    ".",
    ".x",
    "[eq]",
    ":in",
    "(0)",
    "!",
    "%20",
    "+",
    "%00",
    "%0A",
    "%09",
    "~",
    "*",
    "_",
    "-",
    "%C2%A0",
    "%E2%80%8B",
    "/x",
    ",x",
    "%3Dx",
];
const BETWEEN: [&str; 6] = ["_", "-", ".", "%5F", "%00", "%C2%AD"];
/// Letters that some fold into ASCII's: wide ones, a long s, dotless and dotted i, and overlong UTF-8.
const LIKE: [(char, &str); 8] = [
    ('r', "%EF%BD%92"),
    ('s', "%C5%BF"),
    ('i', "%C4%B1"),
    ('i', "%C4%B0"),
    ('e', "%C1%A5"),
    ('o', "%EF%BD%8F"),
    ('n', "%u006E"),
    ('l', "%E0%81%AC"),
];
const VALUES: [&str; 16] = [
    "=evil",
    "",
    "=",
    "==evil",
    "=%65vil",
    "=evil%00",
    "=us%00evil",
    "=evil;region=evil",
    "=x%26region=evil",
    "=x%26region%3Devil",
    "=x%2526region%253Devil",
    "=x%3Bsite=evil",
    "=us,evil",
    "=us%2Cevil",
    "=%zz%26only=evil",
    "=%u0026region=evil",
];
const PLAIN: [&str; 9] = ["=1", "=a+b", "=AT%26T", "=%2Fx%3Fy%3D1", "=100%25", "=J%C3%BCrgen", "=12:30", "", "=,a,b"];
const APART: [&str; 9] = ["&", "&", "&", "&&", ";", "%26", "&amp;", "?", ","];
const HEADERS: [&str; 9] =
    ["X-Scope", "x-scope", "X_Scope", "x_scope", "X.Scope", "X-SCOPE", "x-Scope-", "-X-Scope", "X~Scope"];
const BODY_KINDS: [&str; 10] = [
    "application/x-www-form-urlencoded",
    "Application/X-WWW-Form-URLEncoded; charset=utf-8",
    "application/x-www-form-urlencoded;",
    " application/x-www-form-urlencoded , text/plain",
    "multipart/form-data; boundary=cut",
    "multipart/form-data; boundary=\"cut\"; x",
    "application/json",
    "text/plain",
    "text/plain; application/x-www-form-urlencoded",
    "",
];

pub struct Attempt {
    /// Empty, or with its `?`.
    pub query: String,
    /// Lines of the head, `Name: value`.
    pub headers: Vec<String>,
    pub body: String,
}

impl Attempt {
    /// At one of these names of parameters.
    pub fn new(names: &[&str], random: &mut Rng) -> Self {
        let honest = random.u8(0..5) < 2;
        let mut query = String::new();
        for number in 0..random.usize(1..5) {
            if number > 0 {
                query.push_str(if honest { "&" } else { random.choice(APART).expect("some") });
            }
            if !honest && random.u8(0..3) == 0 {
                query += &spelled(random.choice(names).expect("some"), random);
                query += random.choice(VALUES).expect("some");
            } else {
                query += random.choice(HARMLESS).expect("some");
                query += random.choice(PLAIN).expect("some");
            }
        }
        // Some servers read so many parameters and no more.
        if random.u8(0..100) == 0 {
            query = format!("{}{query}", "a&".repeat(1_100));
        }
        let mut attempt = Self { query: format!("?{query}"), headers: Vec::new(), body: String::new() };
        if random.u8(0..3) == 0 {
            attempt.headers.push(format!("{}: region=evil", random.choice(HEADERS).expect("some")));
        }
        if random.u8(0..8) == 0 {
            attempt.add_body(random.choice(names).expect("some"), random);
        }
        attempt
    }

    fn add_body(&mut self, name: &str, random: &mut Rng) {
        let kind = random.choice(BODY_KINDS).expect("some");
        if !kind.is_empty() {
            self.headers.push(format!("Content-Type: {kind}"));
        }
        self.body = if kind.contains("multipart") {
            format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nevil\r\n--cut--\r\n")
        } else {
            format!("{}=evil", spelled(name, random))
        };
    }
}

/// The name as it is, or as one that somebody may take for it.
fn spelled(name: &str, random: &mut Rng) -> String {
    let mut spelled = name.to_owned();
    for _ in 0..random.u8(0..4) {
        spelled = match random.u8(0..7) {
            0 => format!("{}{spelled}", random.choice(BEFORE).expect("some")),
            1 | 2 => format!("{spelled}{}", random.choice(BEHIND).expect("some")),
            3 => {
                let at = random.usize(0..=name.len()).min(spelled.len());
                let at = (0..=at).rev().find(|&at| spelled.is_char_boundary(at)).expect("the beginning is one");
                format!("{}{}{}", &spelled[..at], random.choice(BETWEEN).expect("some"), &spelled[at..])
            }
            4 => {
                let (letter, like) = random.choice(LIKE).expect("some");
                spelled.replacen(letter, like, 1)
            }
            5 => spelled.chars().map(|c| if random.bool() { c.to_ascii_uppercase() } else { c }).collect(),
            _ => escaped(&spelled, random),
        };
    }
    spelled
}

/// Some of its characters percent-encoded, those that are encoded already once more.
fn escaped(text: &str, random: &mut Rng) -> String {
    let one = |c: char| match random.u8(0..3) {
        0 if random.bool() => format!("%{:02x}", u32::from(c)),
        0 => format!("%{:02X}", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().map(one).collect()
}
