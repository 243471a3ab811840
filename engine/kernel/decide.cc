// How a batch asks the authoriser.
#include "api/access.h"
#include "kernel/access.h"
#include "kernel/operation_context.h"
#include "kernel/refusal.h"

namespace kiban::kernel {

using services::AccessRequest;
using services::Caller;

Result<void> Kernel::Batch::note(DecisionRecord record, std::string_view folder) {
  record.enforced = kernel_.options.iam == Iam::Enforce;
  const bool denied = record.verdict != iam::Verdict::Allowed;
  if (denied) record.text = refusal_text(folder, record);
  std::string text = record.text;
  const bool refused = record.enforced && denied;
  kernel_.decisions.add(std::move(record));
  if (!refused) return {};
  return fail(std::string(refusal_name(folder)), std::move(text));
}

Result<void> Kernel::Batch::decide(const services::Context& context, std::string_view folder,
                                   const AccessRequest& request) {
  const Caller& caller = context.caller();
  if (kernel_.options.iam == Iam::Off) return {};
  // Unsigned requests reach the few operations that AWS's model leaves open, and the links in SNS's
  // messages, whose token is the permission.
  if (caller.arn == "anonymous") return {};
  if (acts_on_own_authority(caller.arn, folder, request.action)) return {};
  const bool strict = kernel_.options.iam == Iam::Enforce;
  auto record = kernel_.authoriser->decide(context, caller, request, strict);
  if (!record) return {};
  return note(*std::move(record), folder);
}

Result<void> Kernel::Batch::decide_operation(OperationContext& context, std::string_view folder,
                                             std::string_view operation,
                                             const json::object& input) {
  if (kernel_.options.iam == Iam::Off) return {};
  for (const api::AccessRule& rule : api::access_rules(folder, operation)) {
    if (rule.kind != api::AccessRule::Kind::Decide) continue;
    KIBAN_TRY(const std::vector<AccessRequest> asked,
              access_requests(rule, input, context.caller()));
    for (const AccessRequest& request : asked) KIBAN_TRY_VOID(context.decide(request));
  }
  return {};
}

}  // namespace kiban::kernel
