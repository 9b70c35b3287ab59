//! The shapes of what the API takes and gives, as `docs/spec/json.md` says them.

use serde_json::{Map, Value, json};

use super::openapi::roles;

/// The envelope around data of a shape.
pub(super) fn envelope(name: &str) -> Value {
    json!({
        "type": "object",
        "required": ["ok", "data", "warnings", "errors"],
        "additionalProperties": false,
        "properties": {
            "ok": { "const": true },
            "data": { "$ref": format!("#/components/schemas/{name}") },
            "warnings": { "type": "array", "items": { "$ref": "#/components/schemas/Message" } },
            "errors": { "type": "array", "maxItems": 0 },
        },
    })
}

/// An object whose members are all there, and no others but those that may be added.
fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    with(members, &required, None)
}

/// An object of a request: what is not known is refused.
fn sent(members: &[(&str, Value)], required: &[&str]) -> Value {
    with(members, required, Some(false))
}

/// An object with members that may be missing.
fn with(members: &[(&str, Value)], required: &[&str], more: Option<bool>) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut object = json!({ "type": "object", "required": required, "properties": properties });
    if let (Some(more), Value::Object(members)) = (more, &mut object) {
        members.insert("additionalProperties".to_owned(), json!(more));
    }
    object
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// All shapes.
pub(super) fn all() -> Value {
    let text = json!({ "type": "string" });
    let flag = json!({ "type": "boolean" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let day = json!({ "type": "string", "format": "date" });
    let instant = json!({ "type": "string", "format": "date-time" });
    let role = json!({ "type": "string", "enum": roles() });
    let any = json!({});
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| {
        schemas.insert(name.to_owned(), schema);
    };
    add(
        "Message",
        object(&[
            ("code", text.clone()),
            ("message", text.clone()),
            ("file", or_null(&text)),
            ("line", or_null(&count)),
            ("column", or_null(&count)),
            ("hint", or_null(&text)),
        ]),
    );
    add(
        "Failure",
        json!({
            "type": "object",
            "required": ["ok", "data", "warnings", "errors"],
            "additionalProperties": false,
            "properties": {
                "ok": { "const": false },
                "data": { "type": "null" },
                "warnings": { "type": "array", "items": of("Message") },
                "errors": { "type": "array", "minItems": 1, "items": of("Message") },
            },
        }),
    );
    add(
        "Questions",
        object(&[(
            "questions",
            list(&object(&[
                ("id", text.clone()),
                ("asks", text.clone()),
                ("readers", list(&text)),
                ("dimensions", list(&text)),
            ])),
        )]),
    );
    add("Period", object(&[("from", day.clone()), ("to", day.clone()), ("label", text.clone())]));
    add(
        "Value",
        json!({
            "type": "object",
            "required": ["unit"],
            "properties": { "unit": { "type": "string", "enum": [
                "money", "count", "share", "days", "months", "number", "none"] } },
            "allOf": [
                { "if": { "properties": { "unit": { "const": "money" } } },
                  "then": { "required": ["amount", "currency"], "properties": {
                    "amount": { "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" },
                    "currency": { "type": "string", "pattern": "^[A-Z]{3}$" } } } },
                { "if": { "properties": { "unit": { "const": "none" } } },
                  "then": { "required": ["reason"] } },
                { "if": { "properties": { "unit": { "const": "share" } } },
                  "then": { "required": ["value", "of", "total"] } },
            ],
        }),
    );
    add(
        "Asked",
        object(&[
            ("company", text.clone()),
            ("as_of", day.clone()),
            ("period", of("Period")),
            ("previous", of("Period")),
            ("by", list(&text)),
            ("segment", or_null(&text)),
            ("model", text.clone()),
            ("sourced_by", text.clone()),
            ("currency", text.clone()),
            ("time_zone", text.clone()),
            ("definitions", text.clone()),
        ]),
    );
    add(
        "Figure",
        with(
            &[
                ("id", text.clone()),
                ("label", text.clone()),
                ("value", of("Value")),
                (
                    "interval",
                    json!({ "type": "object", "required": ["low", "high", "level", "method"] }),
                ),
                ("previous", of("Value")),
                ("year_ago", of("Value")),
                ("target", of("Value")),
                ("meaning", text.clone()),
                ("evidence", json!({ "type": "object", "required": ["rows", "measure"] })),
            ],
            &["id", "label", "value", "meaning"],
            None,
        ),
    );
    add(
        "Chart",
        object(&[
            ("id", text.clone()),
            ("title", text.clone()),
            ("form", text.clone()),
            ("points", list(&text)),
            (
                "series",
                json!({ "type": "array", "items": {
                "type": "object", "required": ["name", "values"] } }),
            ),
            ("unit", text.clone()),
        ]),
    );
    add(
        "Table",
        object(&[
            ("id", text.clone()),
            ("title", text.clone()),
            ("of", text.clone()),
            (
                "columns",
                list(&with(
                    &[("id", text.clone()), ("label", text.clone())],
                    &["id", "label"],
                    None,
                )),
            ),
            (
                "rows",
                list(&object(&[
                    ("id", text.clone()),
                    ("label", text.clone()),
                    ("entries", list(&with(&[("value", of("Value"))], &["value"], None))),
                ])),
            ),
        ]),
    );
    add(
        "Answer",
        object(&[
            ("question", text.clone()),
            ("asks", text.clone()),
            ("headline", text.clone()),
            ("asked", of("Asked")),
            ("figures", list(&of("Figure"))),
            ("charts", list(&of("Chart"))),
            ("tables", list(&of("Table"))),
            (
                "caveats",
                list(&with(
                    &[("code", text.clone()), ("text", text.clone())],
                    &["code", "text"],
                    None,
                )),
            ),
        ]),
    );
    add(
        "Rows",
        object(&[
            (
                "columns",
                list(&object(&[
                    ("name", text.clone()),
                    (
                        "kind",
                        json!({
                "type": "string", "enum": ["text", "integer", "number", "boolean", "day", "instant",
                "decimal", "money"] }),
                    ),
                ])),
            ),
            ("rows", json!({ "type": "array", "items": { "type": "array" } })),
        ]),
    );
    add(
        "FigureRows",
        object(&[
            ("question", text.clone()),
            ("figure", text.clone()),
            ("label", text.clone()),
            ("value", of("Value")),
            ("part", json!({ "type": "string", "enum": ["figure", "per"] })),
            ("divided", flag.clone()),
            ("evidence", any.clone()),
            ("closing", text.clone()),
            ("page", count.clone()),
            ("page_size", count.clone()),
            ("pages", count.clone()),
            ("n_rows", count.clone()),
            ("next_page", or_null(&count)),
            ("rows", of("Rows")),
        ]),
    );
    add(
        "Definitions",
        object(&[
            ("definitions", text.clone()),
            (
                "groups",
                list(&object(&[
                    ("name", text.clone()),
                    (
                        "words",
                        list(&object(&[
                            ("id", text.clone()),
                            ("name", text.clone()),
                            ("meaning", text.clone()),
                            ("rule", or_null(&text)),
                            ("here", list(&text)),
                            ("used_in", list(&text)),
                        ])),
                    ),
                ])),
            ),
        ]),
    );
    add(
        "Health",
        object(&[
            ("as_of", day.clone()),
            ("known_until", or_null(&day)),
            ("definitions", text.clone()),
            ("preparing", flag.clone()),
            ("faults", flag.clone()),
            ("loads", or_null(&count)),
            ("read", or_null(&count)),
            ("loaded", or_null(&count)),
            ("known", or_null(&count)),
            ("quarantined", or_null(&count)),
            (
                "reasons",
                list(&object(&[
                    ("rule", text.clone()),
                    ("reason", text.clone()),
                    ("rows", count.clone()),
                ])),
            ),
            ("caveats", list(&object(&[("code", text.clone()), ("text", text.clone())]))),
        ]),
    );
    add(
        "Loads",
        object(&[(
            "loads",
            list(&object(&[
                ("load", count.clone()),
                ("recorded_at", instant.clone()),
                ("message", or_null(&text)),
                ("read", count.clone()),
                ("loaded", count.clone()),
                ("known", count.clone()),
                ("quarantined", count.clone()),
                ("files", list(&text)),
            ])),
        )]),
    );
    accounts(&mut add, &text, &flag, &instant, &role);
    Value::Object(schemas)
}

/// The shapes of people and tokens.
fn accounts(
    add: &mut dyn FnMut(&str, Value),
    text: &Value,
    flag: &Value,
    instant: &Value,
    role: &Value,
) {
    let theme = json!({ "type": "string", "enum": ["system", "light", "dark"] });
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 100 });
    add(
        "Me",
        object(&[
            ("id", text.clone()),
            ("email", text.clone()),
            ("name", text.clone()),
            ("role", role.clone()),
            ("segment", or_null(text)),
            ("permissions", list(text)),
            (
                "preferences",
                object(&[
                    ("theme", theme.clone()),
                    ("shortcuts", flag.clone()),
                    ("digest", flag.clone()),
                ]),
            ),
        ]),
    );
    add(
        "ChangeMe",
        sent(
            &[
                ("name", name.clone()),
                ("theme", theme),
                ("shortcuts", flag.clone()),
                ("digest", flag.clone()),
            ],
            &[],
        ),
    );
    let token = [
        ("id", text.clone()),
        ("name", text.clone()),
        ("role", role.clone()),
        ("created_at", instant.clone()),
        ("expires_at", instant.clone()),
        ("used_at", or_null(instant)),
    ];
    add("Token", object(&token));
    add("Tokens", object(&[("tokens", list(&of("Token")))]));
    let mut created = token.to_vec();
    created.push(("token", or_null(text)));
    add("CreatedToken", object(&created));
    add(
        "NewToken",
        sent(
            &[
                ("name", name.clone()),
                ("role", role.clone()),
                (
                    "days",
                    json!({ "anyOf": [
                    { "type": "integer", "minimum": 1, "maximum": 365 }, { "type": "null" }] }),
                ),
            ],
            &["name"],
        ),
    );
    add("Revoked", object(&[("id", text.clone()), ("revoked", json!({ "const": true }))]));
    let user = [
        ("id", text.clone()),
        ("email", text.clone()),
        ("name", text.clone()),
        ("role", role.clone()),
        ("segment", or_null(text)),
        ("state", json!({ "type": "string", "enum": ["invited", "active", "locked", "disabled"] })),
        ("by_provider", flag.clone()),
        ("second_factor", flag.clone()),
        ("created_at", instant.clone()),
        ("signed_in_at", or_null(instant)),
    ];
    add("User", object(&user));
    add("Users", object(&[("users", list(&of("User")))]));
    let mut invited = user.to_vec();
    invited.push(("invitation", or_null(text)));
    add("InvitedUser", object(&invited));
    add(
        "NewUser",
        sent(
            &[
                ("email", json!({ "type": "string", "format": "email", "maxLength": 254 })),
                ("name", json!({ "type": "string", "maxLength": 100 })),
                ("role", role.clone()),
                ("segment", or_null(text)),
                ("by_provider", flag.clone()),
            ],
            &["email", "role"],
        ),
    );
    add(
        "ChangeUser",
        sent(
            &[("role", role.clone()), ("segment", or_null(text)), ("disabled", flag.clone())],
            &[],
        ),
    );
    add("Removed", object(&[("id", text.clone()), ("removed", json!({ "const": true }))]));
}
