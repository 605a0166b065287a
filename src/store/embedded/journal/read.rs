//! What of a journal can be used: the frames that follow one another without a gap up to its end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::point::Point;
use super::frame::{self, Read};
use super::segment;
use crate::store::StoreId;
use crate::store::StoreKey;

/// A journal as it was found. Holds no frame: they are read again when they are needed.
#[derive(Debug)]
pub(in super::super) struct Contents {
    key: StoreKey,
    /// Each begins where the one before it ended.
    segments: Vec<Segment>,
    /// What is wrong with the rest.
    pub(in super::super) problem: Option<String>,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Up to the end of its last whole frame.
    pub(super) length: u64,
    pub(super) check: [u8; 16],
    base: Point,
    last: Point,
}

impl Contents {
    /// Of a journal that is not there.
    pub(in super::super) fn none(key: &StoreKey) -> Self {
        Self { key: key.clone(), segments: Vec::new(), problem: Some("it is gone".to_owned()) }
    }

    /// From when on changes are known.
    pub(in super::super) fn base(&self) -> Option<&Point> {
        self.segments.first().map(|segment| &segment.base)
    }

    /// The last change that is known.
    pub(in super::super) fn last(&self) -> Option<&Point> {
        self.segments.last().map(|segment| &segment.last)
    }

    pub(super) fn tail(&self) -> Option<&Segment> {
        self.segments.last()
    }

    /// Hands out every frame that ends after `revision`, in order.
    pub(in super::super) fn replay<E: From<io::Error>>(
        &self,
        revision: u64,
        mut apply: impl FnMut(Read) -> Result<(), E>,
    ) -> Result<(), E> {
        for segment in self.segments.iter().filter(|segment| segment.last.revision > revision) {
            let bytes = fs::read(&segment.path)?;
            let mut frames = Frames::new(&bytes, &self.key);
            while let Some(frame) = frames.next() {
                if frame.after.revision > revision {
                    apply(frame)?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn read(directory: &Path, key: &StoreKey, store: StoreId) -> io::Result<Contents> {
    let mut contents = Contents { key: key.clone(), segments: Vec::new(), problem: None };
    let names = segment::names(directory)?;
    let newest = names.last().cloned();
    for path in names {
        let bytes = fs::read(&path)?;
        let Some(header) = super::header(&bytes, key, store) else {
            contents.problem = Some(format!("{} is damaged at its beginning", name(&path)));
            // The newest may have been torn when it was begun: it is missing then, and nothing else.
            if newest.as_ref() != Some(&path) {
                contents.segments.clear();
            }
            continue;
        };
        if contents.last().is_some_and(|last| *last != header.base) {
            contents.problem = Some(format!("changes are missing before {}", name(&path)));
            contents.segments.clear();
        }
        let mut frames = Frames::new(&bytes, key);
        let mut last = header.base;
        while let Some(frame) = frames.next() {
            if frame.before != last.revision {
                contents.problem = Some(format!("changes are missing in {}", name(&path)));
                break;
            }
            last = frame.after;
        }
        if frames.at < bytes.len() {
            let whole = frames.at;
            contents.problem = Some(format!("{} is damaged or torn after byte {whole}", name(&path)));
        }
        let (length, check) = (frames.at as u64, frames.check);
        contents.segments.push(Segment { path, length, check, base: header.base, last });
    }
    Ok(contents)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The whole frames of a segment, up to the first that is not.
struct Frames<'a> {
    bytes: &'a [u8],
    key: &'a StoreKey,
    at: usize,
    check: [u8; 16],
}

impl<'a> Frames<'a> {
    /// Of a segment whose header is right.
    fn new(bytes: &'a [u8], key: &'a StoreKey) -> Self {
        let check = segment::decode(bytes, key).map_or([0; 16], |header| header.check);
        Self { bytes, key, at: segment::HEADER.min(bytes.len()), check }
    }

    fn next(&mut self) -> Option<Read> {
        let (frame, check, length) = frame::decode(&self.bytes[self.at..], self.key, &self.check)?;
        (self.at, self.check) = (self.at + length, check);
        Some(frame)
    }
}
