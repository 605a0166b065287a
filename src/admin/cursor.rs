//! Cursors: where in a list a page ended, as a text that says nothing to clients.
//!
//! A cursor names what the last object was sorted by, and not its place among the others: so it stays good
//! however many come and go, and also when that object itself is gone. It gives no right: who made one up would
//! see no more than the list's own reader does. Its check tells a text that was cut or altered from one that was
//! given out.

use super::fields::Fields;
use crate::model::TokenId;
use crate::store::{Order, Place, SortBy, SortKey};

/// The form of the bytes.
const FORM: u8 = 2;
const CHECK: usize = 4;

/// Which list a cursor is of. A number is never used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum List {
    Tokens = 1,
    Sessions = 2,
    Accounts = 3,
    Users = 4,
    Members = 5,
}

/// A list in one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) list: List,
    /// By which of the list's keys.
    pub(super) by: u8,
    pub(super) descending: bool,
}

/// Behind which object a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: [u8; 16],
    /// What it was sorted by.
    pub(super) key: Vec<u8>,
}

/// Takes `cursor`, which has to be of this list in this order.
pub(super) fn take_mark(query: &mut Fields, sorted: Sorted) -> Option<Mark> {
    let text = query.take_text("cursor")?;
    let wrong = match read(&text) {
        Some((list, order, mark)) if list == sorted.list as u8 => {
            if order == order_byte(sorted) {
                return Some(mark);
            }
            "is of a list in another order; begin at the start, or sort as before"
        }
        Some(_) => "is of another list than this one; leave it out to begin at the start",
        None => UNKNOWN,
    };
    query.refuse("cursor", wrong);
    None
}

const UNKNOWN: &str = "is not the `next` of an earlier answer; leave it out to begin at the start";

/// What `take_mark` reads.
pub(super) fn text_of(sorted: Sorted, mark: &Mark) -> String {
    let mut bytes = vec![FORM, sorted.list as u8, order_byte(sorted)];
    bytes.extend(mark.id);
    bytes.extend(&mark.key);
    bytes.extend(check(&bytes));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same for lists of tokens.
pub(super) fn take(query: &mut Fields, list: List, order: Order) -> Option<Place> {
    let Mark { id, key } = take_mark(query, sorted(list, order))?;
    let key = match order.by {
        SortBy::Created => key.is_empty().then_some(SortKey::Created),
        SortBy::Name => str::from_utf8(&key).ok().map(|name| SortKey::Name(name.into())),
        SortBy::Expires | SortBy::LastUsed => key.try_into().ok().map(|at| SortKey::At(i64::from_be_bytes(at))),
    };
    if key.is_none() {
        query.refuse("cursor", UNKNOWN);
    }
    Some(Place { key: key?, id: TokenId::from_bytes(id) })
}

pub(super) fn text(list: List, order: Order, place: &Place) -> String {
    let key = match &place.key {
        SortKey::Created => Vec::new(),
        SortKey::Name(name) => name.as_bytes().to_vec(),
        SortKey::At(at) => at.to_be_bytes().to_vec(),
    };
    text_of(sorted(list, order), &Mark { id: place.id.to_bytes(), key })
}

fn sorted(list: List, order: Order) -> Sorted {
    let by = match order.by {
        SortBy::Created => 0,
        SortBy::Name => 1,
        SortBy::Expires => 2,
        SortBy::LastUsed => 3,
    };
    Sorted { list, by, descending: order.descending }
}

fn order_byte(sorted: Sorted) -> u8 {
    sorted.by << 1 | u8::from(sorted.descending)
}

/// List, order and mark of a text that was given out.
fn read(text: &str) -> Option<(u8, u8, Mark)> {
    let bytes = bytes(text)?;
    let (bytes, given) = bytes.split_last_chunk::<CHECK>()?;
    let [FORM, list, order, rest @ ..] = bytes else { return None };
    let (id, key) = rest.split_first_chunk::<16>()?;
    (check(bytes) == *given).then(|| (*list, *order, Mark { id: *id, key: key.to_vec() }))
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let hash = blake3::hash(bytes);
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    let (pairs, rest) = text.as_bytes().split_at(text.len() & !1);
    if rest.is_empty() { pairs.chunks_exact(2).map(pair).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::wire::Json;

    fn taken(list: List, order: Order, text: &str) -> (Option<Place>, bool) {
        let given = Json::Object(vec![("cursor".to_owned(), Json::Text(text.to_owned()))]);
        let mut query = Fields::of_body(given).expect("an object");
        let place = take(&mut query, list, order);
        (place, query.is_refused("cursor"))
    }

    #[test]
    fn a_cursor_means_what_it_was_made_of_and_no_other_text_means_anything() {
        let id = TokenId::fresh();
        let keys = [
            (SortBy::Created, SortKey::Created),
            (SortBy::Name, SortKey::Name("Grüße".into())),
            (SortBy::Expires, SortKey::At(-5)),
            (SortBy::LastUsed, SortKey::At(i64::MAX)),
        ];
        for (by, key) in keys {
            for descending in [false, true] {
                let (order, place) = (Order { by, descending }, Place { key: key.clone(), id });
                let text = text(List::Tokens, order, &place);
                assert_eq!(taken(List::Tokens, order, &text), (Some(place), false));
                assert_eq!(taken(List::Sessions, order, &text), (None, true), "of another list");
                let other = Order { by, descending: !descending };
                assert_eq!(taken(List::Tokens, other, &text), (None, true), "in another order");
                for at in 0..text.len() {
                    let mut altered = text.clone().into_bytes();
                    altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
                    let altered = String::from_utf8(altered).expect("ASCII");
                    assert_eq!(taken(List::Tokens, order, &altered), (None, true), "altered at {at}");
                }
                assert_eq!(taken(List::Tokens, order, &text[..text.len() - 2]), (None, true), "cut");
            }
        }
        for text in ["", "00", "02", "0208", &"02".repeat(23), &"ff".repeat(30), "é", "acc_0000000000000000000000"] {
            assert_eq!(taken(List::Tokens, Order::default(), text), (None, true), "{text}");
        }
    }
}
