//! What the tool says. `println!` would panic where nobody reads any more, or where the disk is full.

use std::io::{self, Write as _};

/// Says a line, formatted as with `format!`; where it cannot be said, the function ends with that error.
macro_rules! say {
    ($($line:tt)*) => { $crate::out::line(format!($($line)*))? };
}
pub(crate) use say;

/// Writes a line for whoever asked.
///
/// # Errors
/// When it cannot be written. Nobody reading any more is one of them: the command ends there, quietly.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a line about how it goes. Whether anybody reads that changes nothing.
pub fn remark(line: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", line.as_ref());
}

/// Nobody reads any more, as behind `| head`.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe))
}
