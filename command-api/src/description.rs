//! What all commands have in common, for the description of the API.

use platform::description::Common;
use serde_json::json;

pub(crate) fn common() -> Common {
    let uuid = json!({ "type": "string", "format": "uuid" });
    Common {
        parameters: vec![
            Common::header(
                "Idempotency-Key",
                "Makes sure that sending the same request again has no second effect and gets the same answer.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x20-\\x7e]+$" }),
            ),
            Common::header(
                "If-Match",
                "The stream must stand at this sequence, as its `ETag` told it.",
                json!({ "type": "string", "examples": ["\"3\""] }),
            ),
            Common::header("X-Correlation-Id", "The same for everything that one request led to.", uuid.clone()),
            Common::header("X-Causation-Id", "What this command is a direct answer to.", uuid),
            Common::header("traceparent", "W3C trace context.", json!({ "type": "string", "maxLength": 128 })),
        ],
        answered: &[
            ("ETag", "The sequence at which the stream now stands, for `If-Match`."),
            ("Location", "Where the query API shows it."),
            ("Log-Position", "The position from which on the effect can be read: pass it as `at_least`."),
            ("Idempotent-Replayed", "`true` where this is the answer to an earlier sending under the same key."),
        ],
        errors: &[
            (400, "The request cannot be read: no JSON, wrong types, unknown fields, headers that are none."),
            (401, "No API key, or none that is known."),
            (403, "The key's roles do not allow this."),
            (404, "There is nothing of that id."),
            (408, "The request did not come whole in time."),
            (409, "It is out of turn, or somebody else changed the stream first."),
            (412, "The stream does not stand at the sequence in `If-Match`."),
            (413, "The body, or an event made of it, is too large."),
            (415, "The body is not said to be of the type that this route takes."),
            (422, "It breaks a rule; `errors` tells which part of the request is to blame."),
            (500, "A fault on our side."),
            (503, "No capacity, or the log gives no answer; see `Retry-After`."),
        ],
        tags: &[
            ("bulk", "Many commands in one request."),
            ("catalog", "What is sold, and where."),
            ("inventory", "What is on the shelves, and what of it is promised."),
            ("sales", "What was sold, and what came back."),
        ],
    }
}
