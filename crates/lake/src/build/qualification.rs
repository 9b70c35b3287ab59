//! How well a deal is qualified: how many letters of MEDDPICC are answered.

use serde_json::Value;

/// The letters: a part of the folded name of an answer that stands for each.
const LETTERS: [&[&str]; 8] = [
    &["metric"],
    &["economic", "buyer"],
    &["criteria"],
    &["decisionprocess"],
    &["paper"],
    &["pain"],
    &["champion"],
    &["compet"],
];

/// Words that leave a question open.
const OPEN: [&str; 12] = [
    "",
    "-",
    "?",
    "0",
    "no",
    "none",
    "false",
    "unknown",
    "n/a",
    "tbd",
    "missing",
    "not identified",
];

/// Counts the letters that are answered; none where the answers name none of them.
pub(super) fn score(answers: &str) -> Option<usize> {
    let Ok(Value::Object(answers)) = serde_json::from_str(answers) else { return None };
    let of = |letter: &[&str]| {
        answers
            .iter()
            .filter(|(name, _)| {
                let folded: String =
                    name.chars().filter(char::is_ascii_alphabetic).collect::<String>();
                let folded = folded.to_lowercase();
                letter.iter().any(|part| folded.contains(part))
            })
            .map(|(_, answer)| answered(answer))
            .max()
    };
    let asked: Vec<bool> = LETTERS.iter().filter_map(|letter| of(letter)).collect();
    (!asked.is_empty()).then(|| asked.into_iter().filter(|answered| *answered).count())
}

fn answered(answer: &Value) -> bool {
    match answer {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::String(text) => !OPEN.contains(&text.trim().to_lowercase().as_str()),
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn letters_are_counted_once_and_only_where_they_are_answered() {
        let table = [
            (r#"{"economic_buyer":"Confirmed","champion":"Identified"}"#, Some(2)),
            (r#"{"economic_buyer":"Unknown","champion":" no ","metrics":"-"}"#, Some(0)),
            (
                r#"{"Champion":"A.","Champion role":"","Identify Pain":true,"competition":0}"#,
                Some(2),
            ),
            (r#"{"decision_process":"x","paper_process":"y","decision_criteria":3}"#, Some(3)),
            (r#"{"score":"7"}"#, None),
            ("not JSON", None),
            ("{}", None),
        ];
        for (answers, expected) in table {
            assert_eq!(score(answers), expected, "{answers}");
        }
    }
}
