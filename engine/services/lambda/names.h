// Rows of Lambda and how they are found.
//
//   lambda/REGION/function/NAME              Name, Tags, LastVersion (of those published),
//                                            Concurrency (reserved; absent: none)
//   lambda/REGION/version/NAME/VERSION       Shown (as GetFunctionConfiguration), Code (code.h),
//                                            LayerDigests {ARN: digest}; VERSION is $LATEST or ten
//                                            digits
//   lambda/REGION/alias/NAME/ALIAS           as GetAlias shows it
//   lambda/REGION/policy/NAME/QUALIFIER      Policy, RevisionId; the qualifier of $LATEST is empty
//   lambda/REGION/event-config/NAME/QUAL     as GetFunctionEventInvokeConfig shows it
//   lambda/REGION/provisioned/NAME/QUAL      Requested, Ready, Modified, Status (concurrency.h)
//   lambda/REGION/layer/NAME/VERSION         Shown, Digest, Size, Sha256 (layers.h)
//   lambda/REGION/layer-count/NAME           the newest version of a layer
//   lambda/REGION/layer-policy/NAME/VERSION  as the policy of a function
//   lambda/REGION/mapping/UUID               mappings.h
//   lambda/REGION/queue/QUEUE/UUID           mappings of a queue
//   lambda/REGION/starved/NAME/UUID          mappings that wait for room of a function
//   lambda/REGION/busy/NAME                  invocations that run; no row: none
//   lambda/REGION/shared                     those of functions without reserved concurrency
//   lambda/REGION/reserved                   sum of reserved concurrency
//   lambda/REGION/credentials/NAME           credentials of the function's role (credentials.h)
//   lambda/invocation/REQUEST                what runs (invocations.h)
//   lambda/event/REQUEST                     events that wait or run (events.h)
//   lambda/warm/ARN                          provisioned environments (concurrency.h)
//   lambda/code-dir/NAME                     a folder that is run instead of the function's code
//   lambda/result/REQUEST                    what a caller has yet to fetch
//
// Names of functions, aliases and layers have no slash.
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::lambda {

constexpr std::string_view principal = "lambda.amazonaws.com";
constexpr std::string_view latest = "$LATEST";

std::unexpected<Error> invalid(std::string cause);    // InvalidParameterValueException
std::unexpected<Error> conflict(std::string cause);   // ResourceConflictException
std::unexpected<Error> not_found(std::string cause);  // ResourceNotFoundException

std::string region_key(const Context& context, std::string_view rest);
std::string function_key(const Context& context, std::string_view name);
// With an empty version: the prefix of all versions of the function.
std::string version_key(const Context& context, std::string_view name, std::string_view version);
// lambda/REGION/KIND/NAME/QUALIFIER
std::string qualified_key(const Context& context, std::string_view kind, std::string_view name,
                          std::string_view qualifier);

// A function as a request names it: FunctionName is a name, a partial or a whole ARN, each of which
// may end with a qualifier; the parameter Qualifier is another way to say the same.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
struct FunctionName {
  std::string name{};
  std::string qualifier{};  // Empty: none was given.
};
FunctionName split_qualifier(std::string_view words);  // Of "NAME" or "NAME:QUALIFIER".
// Errors: InvalidParameterValueException when both qualifiers are given and differ,
// ResourceNotFoundException for another region or account.
Result<FunctionName> read_name(const Context& context, const json::object& input);

// arn:aws:lambda:REGION:ACCOUNT:function:NAME, and :QUALIFIER unless it is empty.
std::string function_arn(const Context& context, std::string_view name,
                         std::string_view qualifier = {});
std::string arn_of(const Context& context, const FunctionName& function);

// Error: ResourceNotFoundException "Function not found: ARN".
Result<json::object> load_function(const Context& context, const FunctionName& function);
// The row of a version; `function` may name an alias, whose own version it is then.
Result<json::object> load_version(const Context& context, const FunctionName& function);
bool is_version(std::string_view qualifier);  // A number, or $LATEST.

// "2026-11-30T16:31:22.000+0000", as Lambda writes times in texts.
std::string format_modified(Timestamp time);

// A page of `all` by Marker and MaxItems, under `member`, with NextMarker when more follow.
Result<json::object> reply_page(const json::object& input, std::string_view member,
                                const json::array& all);

}  // namespace kiban::services::lambda
