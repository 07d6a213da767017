//! What all routes of an API have in common, told to clients in its description: headers, errors, names of operations.

use serde_json::{Map, Value, json};

/// What the routes of one API share.
pub struct Common {
    /// Parameters of each operation, as OpenAPI writes them; headers mostly.
    pub parameters: Vec<Value>,
    /// Headers of each answer that succeeds: name and meaning.
    pub answered: &'static [(&'static str, &'static str)],
    /// What each operation may answer, beside what its own description says: status and meaning.
    pub errors: &'static [(u16, &'static str)],
    /// What each group of routes is about.
    pub tags: &'static [(&'static str, &'static str)],
}

impl Common {
    /// A header of each request, which may be left out.
    #[must_use]
    pub fn header(name: &str, description: &str, schema: Value) -> Value {
        json!({ "name": name, "in": "header", "required": false, "description": description, "schema": schema })
    }

    /// A parameter of each query string, which may be left out.
    #[must_use]
    pub fn query(name: &str, description: &str, schema: Value) -> Value {
        json!({ "name": name, "in": "query", "required": false, "description": description, "schema": schema })
    }

    /// The whole description of an API whose routes share this.
    #[must_use]
    pub fn complete(&self, routes: &utoipa::openapi::OpenApi) -> Value {
        let mut document = serde_json::to_value(routes).unwrap_or_default();
        // What generators of clients understand; nothing newer is used.
        document["openapi"] = json!("3.1.0");
        document["servers"] = json!([{ "url": "/", "description": "where this document is" }]);
        document["info"]["license"] = json!({ "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" });
        document["info"]["contact"] =
            json!({ "name": "The operators of this installation", "url": "/problems/internal" });
        document["security"] = json!([{ "api_key": [] }]);
        document["components"]["securitySchemes"] = json!({ "api_key": { "type": "http", "scheme": "bearer" } });
        document["components"]["schemas"]["Problem"] = problem();
        let mut tags: Vec<&str> = Vec::new();
        if let Some(paths) = document["paths"].as_object_mut() {
            for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
                let tag = self.complete_operation(operation);
                tags.extend(self.tags.iter().map(|(name, _)| *name).filter(|name| *name == tag));
            }
        }
        let told = self.tags.iter().filter(|(name, _)| tags.contains(name));
        document["tags"] = told.map(|(name, about)| json!({ "name": name, "description": about })).collect();
        document
    }

    /// Adds to one operation what it shares with all; tells its tag.
    fn complete_operation(&self, operation: &mut Value) -> String {
        let tag = operation["tags"][0].as_str().unwrap_or_default().to_owned();
        // Handlers of several groups have the same name.
        let name = operation["operationId"].as_str().unwrap_or_default();
        operation["operationId"] = format!("{tag}_{name}").into();
        if !operation["summary"].is_string() {
            operation["summary"] = name_in_words(operation["operationId"].as_str().unwrap_or_default()).into();
        }
        let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        // Of a request of many lines, each line has its own.
        if operation["requestBody"]["content"]["application/x-ndjson"].is_null() {
            parameters.extend(self.parameters.iter().cloned());
        }
        operation["parameters"] = parameters.into();
        let headers: Map<String, Value> = self
            .answered
            .iter()
            .map(|(name, about)| ((*name).to_owned(), json!({ "description": about, "schema": { "type": "string" } })))
            .collect();
        if let Some(responses) = operation["responses"].as_object_mut() {
            for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
                response["headers"] = headers.clone().into();
                if response["description"].as_str().is_none_or(str::is_empty) {
                    response["description"] = json!("It was done.");
                }
            }
            for (status, about) in self.errors {
                let body =
                    json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
                let error = if *status == 304 {
                    json!({ "description": about })
                } else {
                    json!({ "description": about, "content": body })
                };
                responses.entry(status.to_string()).or_insert(error);
            }
        }
        tag
    }
}

fn name_in_words(id: &str) -> String {
    id.replace('_', " ")
}

/// RFC 9457, with what this system adds. Some problems have further members.
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong, and what to do about it (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string", "description": "A page that explains the code." },
            "title": { "type": "string", "description": "The status in words." },
            "status": { "type": "integer", "format": "int32", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "description": "Stable, for programs." },
            "detail": { "type": "string", "description": "What is wrong, in a sentence." },
            "errors": {
                "type": "array",
                "description": "Which parts of the request are to blame.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": { "type": "string", "description": "A JSON pointer into the body, or the name of a parameter." },
                        "detail": { "type": "string" }
                    }
                }
            }
        }
    })
}
