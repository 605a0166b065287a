//! Cursors: where in a list a page ended, as a text that says nothing to clients.
//!
//! A cursor names what the last object was sorted by, and not its place among the others: so it stays good
//! however many come and go, and also when that object itself is gone.

use std::str::FromStr;

use super::fields::Fields;
use crate::model::TokenId;
use crate::store::{Order, Place, SortBy, SortKey};

/// The form of the bytes.
const FORM: u8 = 1;

/// The place a cursor stands for, with the order that it is of.
struct Cursor {
    order: Order,
    place: Place,
}

/// Takes `cursor`, which has to be of this order.
pub(super) fn take(query: &mut Fields, order: Order) -> Option<Place> {
    let text = query.take_text("cursor")?;
    match text.parse::<Cursor>() {
        Ok(cursor) if cursor.order == order => Some(cursor.place),
        Ok(_) => {
            query.refuse("cursor", "is of a list in another order; begin at the start, or sort as before");
            None
        }
        Err(()) => {
            query.refuse("cursor", "is not the `next` of an earlier answer; leave it out to begin at the start");
            None
        }
    }
}

/// What `take` reads.
pub(super) fn text(order: Order, place: &Place) -> String {
    let by = SORTS.iter().position(|by| *by == order.by).unwrap_or_default();
    let mut bytes = vec![FORM, (by as u8) << 1 | u8::from(order.descending)];
    bytes.extend(place.id.to_bytes());
    match &place.key {
        SortKey::Created => {}
        SortKey::Name(name) => bytes.extend(name.as_bytes()),
        SortKey::At(at) => bytes.extend(at.to_be_bytes()),
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const SORTS: [SortBy; 4] = [SortBy::Created, SortBy::Name, SortBy::Expires, SortBy::LastUsed];

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = bytes(text).ok_or(())?;
        let [FORM, order, rest @ ..] = &bytes[..] else { return Err(()) };
        let order = Order { by: *SORTS.get(usize::from(order >> 1)).ok_or(())?, descending: order & 1 == 1 };
        let (id, key) = rest.split_first_chunk::<16>().ok_or(())?;
        let key = match order.by {
            SortBy::Created if key.is_empty() => SortKey::Created,
            SortBy::Created => return Err(()),
            SortBy::Name => SortKey::Name(str::from_utf8(key).map_err(drop)?.into()),
            SortBy::Expires | SortBy::LastUsed => SortKey::At(i64::from_be_bytes(key.try_into().map_err(drop)?)),
        };
        Ok(Self { order, place: Place { key, id: TokenId::from_bytes(*id) } })
    }
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

    #[test]
    fn a_cursor_means_what_it_was_made_of_and_no_other_text_means_anything() {
        let id = TokenId::fresh();
        let keys = [SortKey::Created, SortKey::Name("Grüße".into()), SortKey::At(-5), SortKey::At(i64::MAX)];
        for (by, key) in SORTS.into_iter().zip(keys) {
            for descending in [false, true] {
                let (order, place) = (Order { by, descending }, Place { key: key.clone(), id });
                let text = text(order, &place);
                let read: Cursor = text.parse().expect("a cursor");
                assert_eq!((read.order, read.place), (order, place));
                assert!(
                    text[..text.len() - 1].parse::<Cursor>().is_err() && format!("x{text}").parse::<Cursor>().is_err()
                );
            }
        }
        for text in ["", "00", "01", "0108", &"01".repeat(17), &"ff".repeat(30), "é", &"01".repeat(19)] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
