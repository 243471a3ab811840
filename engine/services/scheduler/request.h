// JSON documents that users write for an API, as the input of one of its operations.
#pragma once

#include "api/model.h"
#include "core/json.h"
#include "core/result.h"

namespace kiban::services::scheduler {

// How a document names members. Universal targets begin them in upper case, whatever the API does:
// TaskDefinition for RunTask's taskDefinition.
enum class Spelling : std::uint8_t { Pascal, Any };

// Members under the model's names, whose other letters may differ in case (DbClusterIdentifier,
// DBClusterIdentifier); instants as seconds, blobs as base64 of their text. What streams stays
// text. Error ValidationException: a member that the operation does not have, or, as AWS has it,
// required ones that are missing.
Result<json::object> request_of(const api::Service& model, const api::Operation& operation,
                                const json::value& document, Spelling spelling);

}  // namespace kiban::services::scheduler
