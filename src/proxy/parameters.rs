//! The names of a request's parameters, read in every way that a server might read them.
//!
//! Servers differ: some fold case, some nest `filter[x]` and `filter.x` below `filter`, PHP makes `_` of
//! a dot, some decode twice. A name that the gateway sets itself must not be there in any of these
//! readings, and what has no clear reading is refused. Only for tokens with filters, and where a route lets tokens come in the query, a query is read so.

/// Longer names are cut by some, and no API has them.
const LONGEST_NAME: usize = 256;
/// How often a query may be percent-encoded over: each time once more than an honest one.
const MOST_LAYERS: usize = 4;

/// Why parameters do not go together with those that the gateway sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterFault {
    /// One of them could be taken for this one of the gateway's.
    Taken(String),
    /// They can be read in more than one way; what of them.
    Unclear(&'static str),
}

/// The names that only the gateway may set.
pub struct Reserved(Vec<Name>);

/// A name without what servers disagree on.
struct Name {
    text: String,
    /// Its letters and digits, in lower case.
    letters: String,
    /// The same in parts, cut where servers begin to nest.
    parts: Vec<String>,
}

impl Reserved {
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(Name::new).collect())
    }

    /// Refuses a client's query that has one of the names, or that could have.
    pub fn check_query(&self, query: &str) -> Result<(), ParameterFault> {
        use ParameterFault::Unclear;
        if query.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b';') {
            return Err(Unclear("it has a character that some servers take for a separator, or `;`"));
        }
        if !query.bytes().enumerate().all(|(at, byte)| byte != b'%' || escaped(&query.as_bytes()[at..]).is_some()) {
            return Err(Unclear("it has a percent sign without two digits behind it"));
        }
        let decoded = String::from_utf8(decode(query)).map_err(|_| Unclear("it is not UTF-8"))?;
        if decoded.contains('\0') {
            return Err(Unclear("it has a NUL character"));
        }
        query.split('&').filter(|piece| !piece.is_empty()).try_for_each(|piece| self.check_piece(piece))?;
        self.check_layers(decoded)
    }

    /// Refuses cookies of one of the names: some servers look for parameters among them too.
    pub fn check_cookies(&self, cookies: &[u8]) -> Result<(), ParameterFault> {
        self.check_layers(String::from_utf8_lossy(cookies).into_owned())
    }

    fn check_piece(&self, piece: &str) -> Result<(), ParameterFault> {
        let name = decode(piece.split('=').next().unwrap_or_default());
        let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"_-.~$:@*!()[],/".contains(&byte);
        match String::from_utf8(name) {
            Ok(name) if name.len() <= LONGEST_NAME && name.bytes().all(|byte| plain(&byte)) => {
                let name = Name::new(name);
                if name.parts.is_empty() {
                    return Err(ParameterFault::Unclear("it has a parameter without a name"));
                }
                self.check_name(&name)
            }
            _ => Err(ParameterFault::Unclear("it has a parameter whose name is too long or no plain ASCII")),
        }
    }

    /// As those would read it that decode first and cut afterwards, or that decode more than once.
    fn check_layers(&self, mut text: String) -> Result<(), ParameterFault> {
        for _ in 0..MOST_LAYERS {
            for piece in text.split(['&', ';', ',']) {
                self.check_name(&Name::new(piece.split('=').next().unwrap_or_default().to_owned()))?;
            }
            let inner = String::from_utf8_lossy(&decode(&text)).into_owned();
            if inner == text {
                return Ok(());
            }
            text = inner;
        }
        Err(ParameterFault::Unclear("it is percent-encoded too many times over"))
    }

    fn check_name(&self, name: &Name) -> Result<(), ParameterFault> {
        match self.0.iter().find(|own| own.may_be(name)) {
            Some(own) => Err(ParameterFault::Taken(own.text.clone())),
            None => Ok(()),
        }
    }
}

impl Name {
    fn new(text: String) -> Self {
        let letters = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
        };
        let cut = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
        let parts = text.split(cut).map(letters).filter(|part| !part.is_empty()).collect();
        Self { letters: letters(&text), parts, text }
    }

    /// Whether a server might take one for the other, or for a part of it.
    fn may_be(&self, other: &Name) -> bool {
        let nested = self.parts.iter().zip(&other.parts).all(|(own, other)| own == other);
        !other.parts.is_empty() && (nested || self.letters == other.letters)
    }
}

/// The byte that an escape at the beginning of `text` stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match *text {
        [b'%', high, low, ..] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

/// Once, as form fields are decoded; what is no escape stays.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some(&byte) = rest.first() {
        let inner = escaped(rest);
        decoded.push(inner.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        rest = &rest[if inner.is_some() { 3 } else { 1 }..];
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], query: &str) -> Result<(), ParameterFault> {
        Reserved::new(names.iter().map(|name| (*name).to_owned())).check_query(query)
    }

    #[test]
    fn what_is_not_reserved_passes() {
        for query in [
            "",
            "&",
            "a=1&a=2&b",
            "filters=1&my_filter=2&filter2=3&filter_by=4",
            "q=AT%26T&next=%2Fx%3Fy%3D1%232",
            "q=100%25&name=J%C3%BCrgen+M&t=12:30&u=a@b",
            "where[name][eq]=x&sort=-created&page.size=3",
            "q=filter&r=x=filter=1",
        ] {
            assert_eq!(check(&["filter"], query), Ok(()), "{query}");
        }
    }

    #[test]
    fn every_spelling_of_a_reserved_name_is_refused() {
        for query in [
            "filter=",
            "filter",
            "a=1&filter=x",
            "Filter=x",
            "FILTER=x",
            "%66ilter=x",
            "%46%49lter=x",
            "filter[]=x",
            "filter[0]=x",
            "filter[x",
            "filter%5B%5D=x",
            "filter.x=1",
            ".filter=x",
            "[filter]=x",
            "[][filter]=x",
            "_filter=x",
            "!filter=x",
            "fil_ter=x",
            "fil-ter=x",
            "filter:in=x",
            "filter(0)=x",
            "filter/x=1",
            "&&filter",
            // Read by who decodes first, or twice.
            "a=1%26filter=x",
            "a=1%2526filter%253Dx",
            "a=1%252526filter=x",
            "a=1%3Bfilter=x",
            "a=1%26filter[]=x",
        ] {
            assert_eq!(check(&["filter"], query), Err(ParameterFault::Taken("filter".to_owned())), "{query}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for query in [
            "a=1;b=2",
            "a=%",
            "a=%6",
            "a=%zz",
            "a=%u0066",
            "%u0066ilter=x",
            "a=%00",
            "filter%00=x",
            "a=%C0%A6",
            "%FF=1",
            "a=%ED%A0%80",
            "=x",
            "[]=x",
            "a+b=1",
            "%20filter=x",
            "a%0A=1",
            "%EF%BD%86ilter=x",
            "a%26b=1",
            "a%3Db=1",
            "%2566ilter=x",
            "a=%2525252526b",
        ] {
            let found = check(&["filter"], query);
            assert!(matches!(found, Err(ParameterFault::Unclear(_))), "{query}: {found:?}");
        }
        assert!(check(&["filter"], &"x".repeat(257)).is_err());
    }

    #[test]
    fn a_name_in_parts_is_taken_as_a_whole_or_above_or_below() {
        let names = ["filter.region", "filter.site"];
        for query in
            ["filter=x", "filter.region=x", "filter[region]=x", "filter_region=x", "filter.site.eq=x", "filterSite"]
        {
            assert!(matches!(check(&names, query), Err(ParameterFault::Taken(_))), "{query}");
        }
        for query in ["filter.colour=red", "filter[colour]=red", "region=x", "site=1"] {
            assert_eq!(check(&names, query), Ok(()), "{query}");
        }
    }

    #[test]
    fn cookies_are_looked_at_by_their_names() {
        let reserved = Reserved::new(["filter".to_owned()]);
        assert_eq!(reserved.check_cookies(b"a=filter; b=2; filters=3; c=\xff"), Ok(()));
        for cookies in [&b"a=1; filter=x"[..], b"Filter=x", b"a=1;%66ilter=x", b"filter[a]=x"] {
            assert_eq!(reserved.check_cookies(cookies), Err(ParameterFault::Taken("filter".to_owned())));
        }
    }
}
