//! Values of the data in an archive: where they are, and what they look like.

mod format;
mod location;
mod reader;

pub(crate) use format::{ValueFormat, is_decimal, is_email_address, is_numeric, is_uuid, mac_separator};
#[cfg(test)]
pub(crate) use location::text_labels;
pub(crate) use location::{ArchivePart, FieldRole, FieldRoles, JOB_USER, ValueSource};
pub(crate) use reader::{config_values, document_values, entry_values, input_values};
