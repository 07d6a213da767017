//! What all queries have in common, for the description of the API.

use platform::description::Common;
use serde_json::json;

pub(crate) fn common() -> Common {
    Common {
        parameters: vec![
            Common::query(
                "at_least",
                "A position of the log: the answer knows everything up to it, or says that it does not yet.",
                json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            ),
            Common::header(
                "Prefer",
                "`wait=5` waits so many seconds for `at_least`, at most 5.",
                json!({ "type": "string", "examples": ["wait=5"] }),
            ),
            Common::header(
                "If-None-Match",
                "An `ETag` that the client has; the answer is 304 if nothing has changed.",
                json!({ "type": "string", "examples": ["\"3\""] }),
            ),
        ],
        answered: &[
            ("ETag", "Of a document the sequence of its stream, for `If-Match`; of a list the position."),
            ("Log-Position", "Up to which event of the log the answer is true."),
            ("Link", "The next page, where there is one (RFC 8288)."),
        ],
        errors: &[
            (304, "The client has it already."),
            (400, "The request cannot be read: parameters that are unknown, or not of their type."),
            (401, "No API key, or none that is known."),
            (403, "The key's roles do not allow this."),
            (404, "There is nothing of that id, as far as `Log-Position`."),
            (422, "A value breaks the rule of its parameter."),
            (500, "A fault on our side."),
            (503, "The read model has not got as far as `at_least`, has stopped, or the database gives no answer."),
        ],
        tags: &[
            ("catalog", "What is sold, and where."),
            ("inventory", "What is on the shelves, and what of it is promised."),
            ("operations", "How the read models are doing."),
            ("reporting", "What it all comes to."),
            ("sales", "What was sold, and what came back."),
        ],
    }
}
