// What a client wants a stack to be, checked: the common part of CreateStack, UpdateStack and
// CreateChangeSet.
#pragma once

#include <string>

#include "cfn/plan.h"
#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

// TemplateBody, TemplateURL (an object of our own S3) or, with an old stack, UsePreviousTemplate.
Result<std::string> template_of(Context& context, const json::object& input, const Stack* old);

// The text of an object of our own S3, as `as`. ValidationError.
Result<std::string> template_at(Context& context, const std::string& url, const Caller& as);

// `stack` is the one it will be applied to; with `update` its values count as previous ones.
// Errors: ValidationError, InsufficientCapabilitiesException.
Result<Desired> make_desired(Context& context, const Stack& stack, const json::object& input,
                             bool update);

// What would change. nullopt: nothing at all.
Result<std::optional<std::vector<cfn::ResourceChange>>> changes_of(Context& context,
                                                                   const Stack& stack,
                                                                   const Desired& desired);

// Capabilities that the template asks for: "", "CAPABILITY_IAM" or "CAPABILITY_NAMED_IAM", and
// which types ask.
struct Needed {
  std::string capability{};
  std::vector<std::string> types{};
};
Needed needed_capability(const json::object& tree);

// Error ValidationError: kiban does not honour a member that is not in `known` and not harmless.
Result<void> refuse_others(const json::object& input, std::string_view operation,
                           std::initializer_list<std::string_view> known);

}  // namespace kiban::services::cloudformation
