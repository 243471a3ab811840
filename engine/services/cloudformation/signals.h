// URLs of this server that somebody outside reports to: a custom resource's response, a wait
// condition's signals. Whoever knows the URL may, as with the presigned URLs of S3 that AWS gives.
//
// Rows, below "cloudformation/REGION/":
//   signal/TOKEN             {"Uuid", "LogicalId"} of a custom resource, or {} of a wait handle
//   signals/TOKEN/UNIQUEID   a wait handle's signal, {"Status", "UniqueId", "Data", "Reason"}
#pragma once

#include <string>
#include <string_view>

#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

// Behind it REGION/TOKEN. PUT or POST with the document as body.
constexpr std::string_view signal_path = "/_kiban/cloudformation/";
// AWS's limit of a custom resource's response:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html
constexpr std::size_t response_bytes_max = 4'096;

// A new URL; `row` says what is reported to it.
struct SignalUrl {
  std::string token{};
  std::string url{};
};
SignalUrl new_signal_url(Context& context, const std::string& region, const json::object& row);
// The same URL as a Lambda function reaches it.
std::string url_for_functions(const Context& context, const std::string& url);
// At the start of the server: the base URL of that. Empty: that of all clients.
void keep_function_endpoint(Context& context, const std::string& endpoint);
// No longer valid, and what was reported is forgotten.
void revoke_signal_url(Context& context, const std::string& region, const std::string& token);
// The token of a URL that new_signal_url made; empty: it did not.
std::string token_of(std::string_view url);

// What a wait handle's URL was told, by unique id.
std::vector<json::object> signals_of(const Context& context, const std::string& region,
                                     const std::string& token);

// Operation "kiban:Signal": {"Token", "Body"} in the caller's region. AccessDenied: no such token.
Result<json::object> signal(Context& context, const json::object& input);

}  // namespace kiban::services::cloudformation
