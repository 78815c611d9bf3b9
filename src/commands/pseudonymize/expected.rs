//! What the pseudonymized job can be expected to find, as far as it was measured with Elastic's autodetect.

use crate::job::JobConfig;
use crate::pseudonym::fields::Fields;

/// A sentence each.
pub(super) fn results(config: &JobConfig, fields: &Fields) -> Vec<String> {
    let measures_length = |detector: &&crate::job::Detector| detector.function.ends_with("info_content");
    let measured = config.detectors().filter(measures_length);
    let measured: Vec<&str> = measured
        .filter(|detector| detector.field.as_deref().is_some_and(|field| fields.is_chosen(field)))
        .map(|detector| detector.function.as_str())
        .collect();
    let except = match measured.first() {
        Some(function) => format!(" of detectors other than `{function}`"),
        None => String::new(),
    };
    let mut sentences = vec![format!(
        "Given input documents with the same tokens, the job finds the same records{except}, with the same probabilities. \
         Record scores differ by less than 1.5, influencer scores by more."
    )];
    if let Some(function) = measured.first() {
        sentences.push(format!(
            "`{function}` measures how much a value can be compressed, and tokens differ from values in that: the job finds \
             other records with it."
        ));
    }
    if fields.replaces_messages() {
        sentences.push(match config.filters_messages() {
            true => "Messages may be assigned to other categories: the job filters messages before it categorizes them, and the \
                     filters now read tokens."
                .to_owned(),
            false => "Messages of the existing categories are assigned to them, except where a token makes a message longer \
                      than its category allows. Other messages may form other categories."
                .to_owned(),
        });
    }
    sentences
}
