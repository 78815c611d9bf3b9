//! The values in an archive: where they are, what they look like, and how Elasticsearch normalizes them.

mod documents;
mod format;
mod location;
mod normalization;
mod reader;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use documents::{
    ANNOTATION, CALENDAR, CATEGORY, CONFIGURATION, Content, DocumentKind, JOB_USER, NOTIFICATION, NamedFields, RESULT,
    SNAPSHOT,
};
pub(crate) use format::{ValueFormat, is_decimal, is_email_address, is_numeric, is_uuid, mac_separator};
pub(crate) use location::{ArchivePart, FieldRole, FieldRoles, ValueSource};
pub(crate) use normalization::Normalizers;
pub(crate) use reader::{config_values, document_values, entry_values, input_values};
