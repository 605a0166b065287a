//! Where frames begin in a stream of them (RFC 6455 section 5.2), and how to end one.
//!
//! A frame of ours may only stand between two of the stream's own. [`Frames`] follows the lengths in the
//! frames' heads, and looks at no payload.

const CLOSE: u8 = 8;

/// The place in one direction of a tunnel.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// As much of a frame's head as came so far; the longest has 14 bytes.
    head: [u8; 14],
    have: u8,
    /// Payload bytes that are still to come.
    left: u64,
    has_closed: bool,
}

impl Frames {
    /// Follows these bytes.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.step(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// How many bytes may be read at least without going past the end of the frame.
    pub(super) fn missing(&self) -> usize {
        match (self.left, self.have) {
            (0, 0) => 0,
            (0, _) => 1,
            (left, _) => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn is_between(&self) -> bool {
        self.missing() == 0
    }

    /// A close frame has passed, after which none may follow.
    pub(super) fn has_closed(&self) -> bool {
        self.has_closed && self.is_between()
    }

    /// Takes payload, or one byte of a head.
    fn step(&mut self, bytes: &[u8]) -> usize {
        if self.left > 0 {
            let taken = self.left.min(bytes.len() as u64);
            self.left -= taken;
            return usize::try_from(taken).unwrap_or(bytes.len());
        }
        self.head[usize::from(self.have)] = bytes[0];
        self.have += 1;
        if self.have >= 2 && self.have == self.head_length() {
            self.left = self.payload_length();
            self.has_closed |= self.head[0] & 0x0f == CLOSE;
            self.have = 0;
        }
        1
    }

    fn head_length(&self) -> u8 {
        let extended = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.head[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn payload_length(&self) -> u64 {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
        match self.head[1] & 0x7f {
            126 => number(&self.head[2..4]),
            127 => number(&self.head[2..10]),
            short => u64::from(short),
        }
    }
}

/// A close frame as a server sends it.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    let length = u8::try_from(2 + reason.len()).expect("a reason of ours is shorter than a control frame may be");
    [&[0x80 | CLOSE, length], &code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A close frame as a client sends it: masked (section 5.3).
pub(super) fn masked_close(code: u16, reason: &str, mask: [u8; 4]) -> Vec<u8> {
    let mut frame = close(code, reason);
    let payload: Vec<u8> = frame.drain(2..).zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    frame[1] |= 0x80;
    frame.extend(mask);
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match length {
            0..126 => frame.push(mask | length as u8),
            126..65_536 => {
                frame.push(mask | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        // What looks like a head must not be taken for one in the payload.
        frame.extend(std::iter::repeat_n(0x88, length + if masked { 4 } else { 0 }));
        frame
    }

    #[test]
    fn a_close_is_noticed_once_it_has_passed() {
        let mut frames = Frames::default();
        let closing = frame(CLOSE, 2, true);
        frames.pass(&closing[..closing.len() - 1]);
        assert!(!frames.has_closed() && !frames.is_between());
        frames.pass(&closing[closing.len() - 1..]);
        assert!(frames.has_closed() && frames.is_between());
    }

    #[test]
    fn our_own_frames_are_frames() {
        for sent in [close(1008, "token revoked"), masked_close(1001, "", [1, 2, 3, 4])] {
            let mut frames = Frames::default();
            frames.pass(&sent);
            assert!(frames.has_closed());
        }
        assert_eq!(masked_close(0x0102, "", [1, 2, 3, 4]), [0x88, 0x82, 1, 2, 3, 4, 0, 0]);
    }

    proptest! {
        #[test]
        fn each_end_of_a_frame_is_found_however_the_bytes_arrive(
            lengths in proptest::collection::vec((prop_oneof![0usize..130, 65_530usize..65_540], any::<bool>()), 1..5),
            pieces in proptest::collection::vec(1usize..5_000, 1..20),
        ) {
            let mut ends = vec![0];
            let mut all = Vec::new();
            for (length, masked) in lengths {
                all.extend(frame(2, length, masked));
                ends.push(all.len());
            }
            let (mut at, mut frames) = (0, Frames::default());
            for piece in pieces.into_iter().cycle() {
                let to = (at + piece).min(all.len());
                frames.pass(&all[at..to]);
                at = to;
                prop_assert_eq!(frames.is_between(), ends.contains(&at));
                let next = ends.iter().find(|&&end| end >= at).expect("the last one");
                prop_assert!(at + frames.missing() <= *next);
                if at == all.len() {
                    break;
                }
            }
            prop_assert!(!frames.has_closed());
        }
    }
}
