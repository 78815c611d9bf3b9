//! Rules of detectors in words.

use serde_json::Value;

use crate::job::{FilterId, Rule};

/// Names that Elasticsearch has in rules. Others are not printed, since they could be any text.
const NAMES: &str = "skip_result skip_model_update force_time_shift actual typical diff_from_typical time";
const OPERATORS: [(&str, &str); 4] = [("lt", "<"), ("lte", "<="), ("gt", ">"), ("gte", ">=")];

/// Describes a rule: `skip result if actual < 100`.
pub(super) fn describe_rule(rule: &Rule) -> String {
    let mut actions: Vec<String> = items(&rule.actions).map(readable).collect();
    if actions.is_empty() {
        // The default of Elasticsearch.
        actions.push("skip result".to_owned());
    }
    let conditions = items(&rule.conditions).map(|condition| {
        let operator = OPERATORS.iter().find(|(name, _)| condition["operator"] == *name);
        let operator = operator.map_or("?", |(_, sign)| sign);
        let value = condition["value"].as_f64().map(|value| value.to_string());
        let value = value.as_deref().unwrap_or("?");
        format!("{} {operator} {value}", readable(&condition["applies_to"]))
    });
    let scopes = rule.scope.iter().map(|(field, scope)| {
        let not = if scope.filter_type == "exclude" { "not " } else { "" };
        let filter = scope.filter_id.as_ref().map_or("?", FilterId::as_str);
        format!("{field} is {not}in filter {filter}")
    });
    let conditions: Vec<String> = conditions.chain(scopes).collect();
    let separator = if conditions.is_empty() { "" } else { " if " };
    actions.join(" and ") + separator + &conditions.join(" and ")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn readable(name: &Value) -> String {
    let known = NAMES.split(' ').find(|known| name == known);
    known.unwrap_or("?").replace('_', " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn described(rule: &Value) -> String {
        describe_rule(&serde_json::from_str(&rule.to_string()).unwrap())
    }

    #[test]
    fn a_rule_is_described_in_readable() {
        let conditions = json!([
            {"applies_to": "actual", "operator": "lt", "value": 100.0},
            {"applies_to": "diff_from_typical", "operator": "gte", "value": 2.5},
        ]);
        let scope = json!({
            "client": {"filter_id": "internal", "filter_type": "exclude"},
            "host": {"filter_id": "canary-hosts", "filter_type": "include"},
        });
        let actions = json!(["skip_result", "skip_model_update"]);
        assert_eq!(
            described(&json!({"actions": actions, "conditions": conditions, "scope": scope})),
            "skip result and skip model update if actual < 100 and diff from typical >= 2.5 and client is not in filter \
             internal and host is in filter canary-hosts"
        );
        assert_eq!(described(&json!({"actions": ["force_time_shift"]})), "force time shift");
    }

    #[test]
    fn unknown_texts_of_a_rule_are_not_printed() {
        let condition = json!({"applies_to": "alice", "operator": "alice", "value": "alice"});
        let rule = json!({"actions": ["alice"], "conditions": [condition, "alice"], "scope": {"user": {}}});
        assert!(!described(&rule).contains("alice"));
        assert_eq!(described(&json!({"actions": "alice", "conditions": 1})), "skip result");
    }
}
