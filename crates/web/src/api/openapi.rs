//! The API, described (`OpenAPI` 3.1), from the same table that routes it.

use access::Role;
use axum::http::Method;
use serde_json::{Map, Value, json};

use super::schemas;
use crate::query::COMPARISONS;
use crate::routes::{Gate, ROUTES, Route};

/// What an operation takes and gives besides what its route says.
struct Shape {
    /// Name of the operation.
    id: &'static str,
    /// Schema of what is sent.
    takes: Option<&'static str>,
    /// Schema of `data` in the answer.
    gives: &'static str,
}

fn shape(route: &Route) -> Option<Shape> {
    let (id, takes, gives) = match (route.method.as_str(), route.path) {
        ("GET", "/api/v1/openapi.json") => ("describeApi", None, ""),
        ("GET", "/api/v1/questions") => ("listQuestions", None, "Questions"),
        ("GET", "/api/v1/questions/{question}") => ("askQuestion", None, "Answer"),
        ("GET", "/api/v1/questions/{question}/rows/{figure}") => ("openFigure", None, "FigureRows"),
        ("GET", "/api/v1/definitions") => ("readDefinitions", None, "Definitions"),
        ("GET", "/api/v1/health") => ("readHealth", None, "Health"),
        ("GET", "/api/v1/loads") => ("listLoads", None, "Loads"),
        ("GET", "/api/v1/me") => ("readMe", None, "Me"),
        ("PATCH", "/api/v1/me") => ("changeMe", Some("ChangeMe"), "Me"),
        ("GET", "/api/v1/tokens") => ("listTokens", None, "Tokens"),
        ("POST", "/api/v1/tokens") => ("createToken", Some("NewToken"), "CreatedToken"),
        ("DELETE", "/api/v1/tokens/{id}") => ("revokeToken", None, "Revoked"),
        ("GET", "/api/v1/users") => ("listUsers", None, "Users"),
        ("POST", "/api/v1/users") => ("inviteUser", Some("NewUser"), "InvitedUser"),
        ("PATCH", "/api/v1/users/{id}") => ("changeUser", Some("ChangeUser"), "User"),
        ("DELETE", "/api/v1/users/{id}") => ("removeUser", None, "Removed"),
        _ => return None,
    };
    Some(Shape { id, takes, gives })
}

/// The document.
pub(crate) fn document(base: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES.iter().filter(|route| route.is_api()) {
        let Some(shape) = shape(route) else { continue };
        let path = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(route.method.as_str().to_lowercase(), operation(route, &shape));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Throughline",
            "version": "1",
            "description": "The same questions as the pages: answers, the rows behind each figure, \
                definitions, the state of the data. Every answer is one object with `ok`, `data`, \
                `warnings` and `errors`. Money is a decimal text with its currency. Keys may be \
                added; none is renamed or removed within version 1.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": base }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token from Settings, sent in the Authorization header.",
                },
            },
            "parameters": parameters(),
            "responses": responses(),
            "schemas": schemas::all(),
        },
    })
}

fn operation(route: &Route, shape: &Shape) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    for (name, what) in [
        ("question", "A question, as `/questions` lists them."),
        ("figure", "A figure `id`, or `table.row.column`."),
        ("id", "An identifier."),
    ] {
        if route.path.contains(&format!("{{{name}}}")) {
            let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": 200 });
            if name == "question" {
                let known: Vec<&str> =
                    ::answers::QUESTIONS.iter().map(|entry| entry.question.id).collect();
                schema = json!({ "type": "string", "enum": known });
            }
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "description": what, "schema": schema,
            }));
        }
    }
    if route.scoped {
        // Only rows have pages and an order.
        let wanted = |name: &&str| !(["page", "sort"].contains(name) && route.own.is_empty());
        parameters.extend(crate::query::SCOPE.iter().copied().filter(wanted).map(parameter));
    }
    parameters.extend(route.own.iter().map(|name| parameter(name)));
    let changes = route.method != Method::GET;
    if changes {
        parameters.push(parameter("Idempotency-Key"));
    }
    let made = route.method == Method::POST;
    let gives = if shape.gives.is_empty() {
        json!({ "type": "object", "required": ["openapi", "info", "paths"] })
    } else {
        schemas::envelope(shape.gives)
    };
    let mut answers = Map::new();
    answers.insert(
        (if made { "201" } else { "200" }).to_owned(),
        json!({
            "description": if made { "It was made." } else { "It was done." },
            "headers": { "X-Request-Id": { "schema": { "type": "string" },
                "description": "The number of the request, also in the log." } },
            "content": { "application/json": { "schema": gives } },
        }),
    );
    let mut refusals = vec!["400", "401", "403", "404", "405", "414", "429", "431", "500", "503"];
    if changes {
        refusals.extend(["408", "409", "413", "415", "422"]);
    }
    refusals.sort_unstable();
    for status in refusals {
        let answer = json!({ "$ref": format!("#/components/responses/{}", name_of(status)) });
        answers.insert(status.to_owned(), answer);
    }
    let needs = match route.gate {
        Gate::May(permission, _) => permission.id(),
        Gate::Anyone(_) | Gate::Instant(_) => "nothing",
    };
    let what = route.what;
    let mut letters = what.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let mut operation = json!({
        "operationId": shape.id,
        "summary": format!("{first}{}", letters.as_str()),
        "description": format!("Needs the permission `{needs}`."),
        "parameters": parameters,
        "responses": answers,
    });
    if let (Some(takes), Value::Object(members)) = (shape.takes, &mut operation) {
        let schema = json!({ "$ref": format!("#/components/schemas/{takes}") });
        let body = json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        });
        members.insert("requestBody".to_owned(), body);
    }
    operation
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{}", name.replace('-', "")) })
}

fn parameters() -> Value {
    let query = |name: &str, what: &str, schema: Value| json!({ "name": name, "in": "query", "description": what, "schema": schema });
    let text = || json!({ "type": "string", "maxLength": 100 });
    // A form without scripts sends the fields that were left empty.
    let day = || json!({ "anyOf": [{ "type": "string", "format": "date" }, { "type": "string", "maxLength": 0 }] });
    let number = |most: u64| json!({ "type": "integer", "minimum": 1, "maximum": most });
    let list = |known: &[&str]| json!({ "type": "array", "uniqueItems": true, "items": { "type": "string", "enum": known } });
    let listed = |mut parameter: Value| {
        if let Value::Object(members) = &mut parameter {
            members.insert("style".to_owned(), json!("form"));
            members.insert("explode".to_owned(), json!(false));
        }
        parameter
    };
    let dimensions: Vec<&str> = ::answers::DIMENSIONS.iter().map(|(name, ..)| *name).collect();
    let mut models: Vec<&str> = domain::definition::check::MODELS.to_vec();
    models.push("");
    json!({
        "period": query("period", "A fiscal period: 2026, 2026Q3, 2026-09, a day, DAY..DAY or all; \
            without one the last complete quarter.", text()),
        "from": query("from", "First day, with `to`, in place of a period.", day()),
        "to": query("to", "Last day, with `from`.", day()),
        "compare": listed(query("compare", "What the page compares with; answers hold all of it.",
            list(COMPARISONS))),
        "segment": query("segment", "Limits it to one segment.", text()),
        "model": query("model", "Attribution model; without one the one in force.",
            json!({ "type": "string", "enum": models })),
        "currency": query("currency", "Currency of amounts; without one that of reports.",
            json!({ "type": "string", "pattern": "^([A-Za-z]{3})?$" })),
        "as_of": query("as_of", "Nothing learned after this day is used.", day()),
        "by": listed(query("by", "Dimensions by which tables are broken down.", list(&dimensions))),
        "page": query("page", "Page of the rows, from 1.", number(1_000_000_000)),
        "sort": query("sort", "Column by which rows are sorted, `-` before it for descending.",
            text()),
        "part": query("part", "`per`: the rows that the figure is divided by.",
            json!({ "type": "string", "enum": ["per", ""] })),
        "page_size": query("page_size", "Rows on a page.", number(1_000)),
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A change that is asked for again with the same key within 24 hours is \
                not made again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 128,
                "pattern": "^[!-~]{1,128}$" },
        },
    })
}

fn name_of(status: &str) -> &'static str {
    match status {
        "400" => "NotUnderstood",
        "401" => "NotSignedIn",
        "403" => "NotAllowed",
        "404" => "NotFound",
        "405" => "WrongMethod",
        "408" => "TooSlow",
        "409" => "Conflict",
        "413" => "TooLarge",
        "414" => "AddressTooLong",
        "415" => "WrongKind",
        "422" => "NotTaken",
        "429" => "TooMany",
        "431" => "HeadTooLarge",
        "500" => "Fault",
        _ => "Busy",
    }
}

fn responses() -> Value {
    let wait = json!({ "Retry-After": { "schema": { "type": "integer", "minimum": 0 },
        "description": "Seconds after which it is worth another try." } });
    let body =
        json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } });
    let plain = |what: &str| json!({ "description": what, "content": body });
    let later = |what: &str| json!({ "description": what, "headers": wait, "content": body });
    json!({
        "NotUnderstood": plain("The request is not understood; the parameter is named."),
        "NotSignedIn": json!({
            "description": "There is no token, or it is not in force.",
            "headers": { "WWW-Authenticate": { "schema": { "type": "string" } } },
            "content": body,
        }),
        "NotAllowed": plain("The role does not allow it."),
        "NotFound": plain("There is no such thing, or none that the caller may know of."),
        "WrongMethod": json!({
            "description": "The address does not take this method.",
            "headers": { "Allow": { "schema": { "type": "string" } } },
            "content": body,
        }),
        "TooSlow": plain("The body did not come in time."),
        "Conflict": later("There is one already, or the same change is being made."),
        "TooLarge": plain("The body is larger than 2 MiB."),
        "AddressTooLong": plain("The address is too long."),
        "WrongKind": plain("The body is not JSON."),
        "NotTaken": plain("A field cannot be taken; it is named."),
        "TooMany": later("Too many attempts."),
        "HeadTooLarge": { "description": "The headers are too large." },
        "Fault": plain("Something went wrong on the side of the server."),
        "Busy": later("The server has too much to do, or the figures are being prepared."),
    })
}

/// Names of roles, for schemas.
pub(crate) fn roles() -> Vec<&'static str> {
    Role::ALL.into_iter().map(Role::id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_api_is_described_and_every_reference_leads_somewhere() {
        let document = document("http://127.0.0.1:7117");
        for route in ROUTES.iter().filter(|route| route.is_api()) {
            let method = route.method.as_str().to_lowercase();
            assert!(document["paths"][route.path][&method].is_object(), "{method} {}", route.path);
        }
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
