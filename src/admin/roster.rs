//! Lists of what is all in memory, accounts and users: sorted, counted, page by page, and shown in part.
//!
//! A page costs a look at each object of the list, and a copy of those alone that are on it.

use std::borrow::Borrow;
use std::cmp::Ordering;

use super::cursor::{self, List, Mark, Sorted};
use super::fields::Fields;
use super::page::take_limit;
use super::projection::{Projected, Projection};
use super::wire::{Page, Record};
use crate::model::contains;
use crate::store::compare_names;

/// What a list can be sorted by: the name of it, and the text of each object.
pub(super) type Sort<T> = (&'static str, fn(&T) -> &str);

/// What a list of these is like.
pub(super) struct Collection<T: 'static> {
    pub(super) list: List,
    /// The first is the usual one. A place in here is in cursors, so new ones come last.
    pub(super) sorts: &'static [Sort<T>],
    pub(super) id: fn(&T) -> [u8; 16],
    /// What is shown of each.
    pub(super) fields: &'static [&'static str],
}

/// Which part of a list is asked for.
pub(super) struct Roster<T: 'static> {
    of: &'static Collection<T>,
    key: fn(&T) -> &str,
    sorted: Sorted,
    after: Option<Mark>,
    limit: usize,
    counted: bool,
    projection: Projection,
}

impl<T> Collection<T> {
    /// What `sort` can say.
    pub(super) fn orders(&self) -> Vec<String> {
        self.sorts.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]).collect()
    }
}

impl<T> Roster<T> {
    /// Takes `sort`, `cursor`, `limit`, `count` and `fields`.
    pub(super) fn take(query: &mut Fields, of: &'static Collection<T>) -> Self {
        let (by, descending) = take_sort(query, of);
        let sorted = Sorted { list: of.list, by: u8::try_from(by).unwrap_or(u8::MAX), descending };
        Self {
            of,
            key: of.sorts[by].1,
            sorted,
            after: cursor::take_mark(query, sorted),
            limit: take_limit(query),
            counted: query.take_switch("count").unwrap_or(false),
            projection: Projection::take(query, of.fields),
        }
    }

    /// That part of `all`, which come in any order.
    pub(super) fn page<B: Borrow<T>, R: Record>(
        &self,
        all: impl Iterator<Item = B>,
        record: impl Fn(&T) -> R,
    ) -> Page<Projected<R>> {
        let mut count = 0;
        let counting = all.inspect(|_| count += 1);
        let mut rest: Vec<B> = counting.filter(|object| self.is_behind(object.borrow())).collect();
        let compare = |one: &B, other: &B| self.compare(self.place(one.borrow()), self.place(other.borrow()));
        let is_last = rest.len() <= self.limit;
        if !is_last {
            rest.select_nth_unstable_by(self.limit, compare);
            rest.truncate(self.limit);
        }
        rest.sort_unstable_by(compare);
        let last = rest.last().filter(|_| !is_last);
        let next = last.map(|last| {
            let (key, id) = self.place(last.borrow());
            cursor::text_of(self.sorted, &Mark { id, key: key.as_bytes().to_vec() })
        });
        let items = rest.iter().map(|object| self.projection.of(record(object.borrow()))).collect();
        Page { items, next, count: self.counted.then_some(Some(count)) }
    }

    fn place<'a>(&self, object: &'a T) -> (&'a str, [u8; 16]) {
        ((self.key)(object), (self.of.id)(object))
    }

    fn is_behind(&self, object: &T) -> bool {
        let Some(Mark { id, key }) = &self.after else { return true };
        // What was no text was none of ours; it stands before all others.
        let after = (str::from_utf8(key).unwrap_or_default(), *id);
        self.compare(self.place(object), after) == Ordering::Greater
    }

    fn compare(&self, one: (&str, [u8; 16]), other: (&str, [u8; 16])) -> Ordering {
        let order = compare_names(one.0, other.0).then(one.1.cmp(&other.1));
        if self.sorted.descending { order.reverse() } else { order }
    }
}

/// The place of the key, and whether the other direction is meant.
fn take_sort<T>(query: &mut Fields, of: &Collection<T>) -> (usize, bool) {
    let Some(text) = query.take_text("sort") else { return (0, false) };
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (&text[..], false),
    };
    let by = of.sorts.iter().position(|(known, _)| *known == name);
    if by.is_none() {
        let names: Vec<_> = of.sorts.iter().map(|(name, _)| *name).collect();
        query.refuse("sort", format!("must be one of {}, or one of them with `-` before it", names.join(", ")));
    }
    (by.unwrap_or_default(), descending)
}

/// A text that one of the object's has to have in it.
pub(super) struct Wanted(Option<String>);

impl Wanted {
    /// Takes `q`.
    pub(super) fn take(query: &mut Fields) -> Self {
        Self(super::selection::take_search(query))
    }

    pub(super) fn is_in(&self, texts: &[&str]) -> bool {
        self.0.as_ref().is_none_or(|wanted| texts.iter().any(|text| contains(text, wanted)))
    }
}
