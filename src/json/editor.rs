//! Tokens written again, some replaced or left out.

use std::io::{self, Write};

use super::{Kind, Token, quoted};

/// Writes tokens as they come. A member's name waits for the decision about its value; a comma goes with what is
/// left out.
#[derive(Debug)]
pub struct Editor<W: Write> {
    out: W,
    /// For each container around: whether something was written into it.
    filled: Vec<bool>,
    /// A name that waits, with its lead.
    name: Option<(Vec<u8>, Vec<u8>)>,
    /// Containers within one that is left out.
    skipping: usize,
    held: Vec<Held>,
}

/// Output whose fate is not known yet.
#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    /// What `filled` was when it began.
    filled: Vec<bool>,
}

impl<W: Write> Editor<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            filled: Vec::new(),
            name: None,
            skipping: 0,
            held: Vec::new(),
        }
    }

    /// Writes a token as it is.
    ///
    /// # Errors
    /// What `out` says; so for all that writes.
    pub fn keep(&mut self, token: &Token<'_>) -> io::Result<()> {
        if self.skipping > 0 {
            self.skip(token);
            return Ok(());
        }
        match token.kind {
            Kind::Name => {
                self.name = Some((token.lead.to_vec(), token.raw.to_vec()));
                return Ok(());
            }
            Kind::EndObject | Kind::EndArray => {
                self.filled.pop();
                self.write(token.lead)?;
            }
            _ => self.begin_value(token)?,
        }
        if token.begins() {
            self.filled.push(false);
        }
        self.write(token.raw)
    }

    /// Writes another name in place of this one.
    pub fn rename(&mut self, token: &Token<'_>, name: &str) {
        match self.skipping {
            0 => self.name = Some((token.lead.to_vec(), quoted(name).into_bytes())),
            _ => self.skip(token),
        }
    }

    /// Writes another string in place of this value, which is no container.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn replace(&mut self, token: &Token<'_>, text: &str) -> io::Result<()> {
        self.replace_json(token, &quoted(text))
    }

    /// Writes other JSON in place of this value; one that begins a container is left out to its end.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn replace_json(&mut self, token: &Token<'_>, json: &str) -> io::Result<()> {
        if self.skipping > 0 {
            self.skip(token);
            return Ok(());
        }
        self.begin_value(token)?;
        self.write(json.as_bytes())?;
        self.skipping = usize::from(token.begins());
        Ok(())
    }

    /// Leaves out this value, a container to its end, and the name before it.
    pub fn leave_out(&mut self, token: &Token<'_>) {
        if self.skipping > 0 {
            return self.skip(token);
        }
        self.name = None;
        self.skipping = usize::from(token.begins());
    }

    /// Writes what stands before this value, and the name before it, but not the value itself.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn begin(&mut self, token: &Token<'_>) -> io::Result<()> {
        match self.skipping {
            0 => self.begin_value(token),
            _ => Ok(()),
        }
    }

    /// Whether the token that comes belongs to what is left out.
    pub fn skipping(&self) -> bool {
        self.skipping > 0
    }

    /// From here on nothing is written until [`release`](Self::release) or [`discard`](Self::discard). To be called
    /// before a member's name or an array's element.
    pub fn hold(&mut self) {
        self.held.push(Held {
            bytes: Vec::new(),
            filled: self.filled.clone(),
        });
    }

    /// Writes what was held last.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn release(&mut self) -> io::Result<()> {
        match self.held.pop() {
            Some(held) => self.write(&held.bytes),
            None => Ok(()),
        }
    }

    /// Writes this JSON, then what was held last.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn release_behind(&mut self, json: &str) -> io::Result<()> {
        let held = self.held.pop();
        self.write(json.as_bytes())?;
        held.map_or(Ok(()), |held| self.write(&held.bytes))
    }

    /// Forgets what was held last. To be called where the member or element that began it has ended.
    pub fn discard(&mut self) {
        if let Some(held) = self.held.pop() {
            self.filled = held.filled;
        }
    }

    /// What follows the last token; returns the sink.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn finish(mut self, rest: &[u8]) -> io::Result<W> {
        self.write(rest)?;
        Ok(self.out)
    }

    /// The sink.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn skip(&mut self, token: &Token<'_>) {
        if token.begins() {
            self.skipping += 1;
        } else if token.ends() {
            self.skipping -= 1;
        }
    }

    fn begin_value(&mut self, token: &Token<'_>) -> io::Result<()> {
        match self.name.take() {
            Some((lead, name)) => {
                self.begin_part(&lead)?;
                self.write(&name)?;
                self.write(token.lead)
            }
            None => self.begin_part(token.lead),
        }
    }

    /// The lead of a member or an element; without its comma where all before it were left out.
    fn begin_part(&mut self, lead: &[u8]) -> io::Result<()> {
        let first = self.filled.last_mut().map(|filled| !std::mem::replace(filled, true));
        if first == Some(true) && lead.contains(&b',') {
            let lead: Vec<u8> = lead.iter().copied().filter(|byte| *byte != b',').collect();
            return self.write(&lead);
        }
        self.write(lead)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.held.last_mut() {
            Some(held) => {
                held.bytes.extend_from_slice(bytes);
                Ok(())
            }
            None => self.out.write_all(bytes),
        }
    }
}
