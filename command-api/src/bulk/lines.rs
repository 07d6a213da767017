//! A body cut into lines as it comes, with bounded memory. A line that is too long does not take the next one with it.

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

/// Why there is no line where one should be.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is longer than allowed; the next line is whole again.
    TooLong,
    /// The body broke off; there is no next line.
    Broken(axum::Error),
}

/// The lines of a body, without their ends. The last one need not have an end.
pub(super) struct Lines {
    body: BodyDataStream,
    longest: usize,
    buffer: BytesMut,
    /// So much of the buffer has no newline.
    searched: usize,
    /// The line that is being read is too long already, and what came of it is gone.
    skipping: bool,
    first: bool,
    ended: bool,
}

impl Lines {
    pub(super) fn new(body: Body, longest: usize) -> Self {
        let body = body.into_data_stream();
        Self { body, longest, buffer: BytesMut::new(), searched: 0, skipping: false, first: true, ended: false }
    }

    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Fault>> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(self.searched + at + 1);
                line.truncate(self.searched + at);
                return Some(self.finish(line));
            }
            self.searched = self.buffer.len();
            // One more may be the `\r` of its end.
            if self.buffer.len() > self.longest + 1 {
                self.skipping = true;
                self.buffer.clear();
                self.searched = 0;
            }
            if self.ended {
                let rest = self.buffer.split();
                return (self.skipping || !rest.is_empty()).then(|| self.finish(rest));
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    // Half a line is no command.
                    self.buffer.clear();
                    (self.searched, self.skipping, self.ended) = (0, false, true);
                    return Some(Err(Fault::Broken(error)));
                }
                None => self.ended = true,
            }
        }
    }

    fn finish(&mut self, line: BytesMut) -> Result<Bytes, Fault> {
        self.searched = 0;
        let mut line = line.freeze();
        if std::mem::take(&mut self.first) && line.starts_with(b"\xef\xbb\xbf") {
            line = line.slice(3..);
        }
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        if std::mem::take(&mut self.skipping) || line.len() > self.longest { Err(Fault::TooLong) } else { Ok(line) }
    }
}
