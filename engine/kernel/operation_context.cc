#include "kernel/operation_context.h"

#include <fmt/core.h>

#include <algorithm>
#include <ranges>
#include <stdexcept>

#include "api/validate.h"
#include "core/arn.h"
#include "core/utf8.h"

namespace kiban::kernel {

using services::Caller;

Result<json::object> Kernel::Batch::OperationContext::call(std::string_view service,
                                                           std::string_view operation,
                                                           const json::object& input,
                                                           const Caller& as) {
  const auto found = batch_.kernel_.by_name.find(service);
  if (found == batch_.kernel_.by_name.end())
    return fail("UnknownOperationException", fmt::format("kiban does not serve {}", service));
  if (depth_ + 1 > call_depth_max)
    return fail("InternalFailure", fmt::format("{}:{} would be the {}th call inside another; at "
                                               "most {} are allowed",
                                               service, operation, depth_ + 1, call_depth_max));
  if (++*calls_ > calls_per_operation_max)
    return fail("InternalFailure",
                fmt::format("one operation made more than {} calls", calls_per_operation_max));
  // As on the wire. What only other services may ask for is in no model and goes unchecked.
  const api::Service* model = api::find_service(service);
  const api::Operation* shape = model == nullptr ? nullptr : model->operation(operation);
  const auto system_tags =
      service_ == "cloudformation" ? api::SystemTags::Allowed : api::SystemTags::Refused;
  if (shape != nullptr) KIBAN_TRY_VOID(api::validate(*model, *shape, input, system_tags));
  if (found->second == batch_.kernel_.metrics) batch_.deliver_counts();
  OperationContext inner{batch_, found->second->name(), as, depth_ + 1, false, true};
  inner.calls_ = calls_;
  const Mark before = batch_.mark();
  Result<json::object> result;
  try {
    const Result<void> allowed = batch_.decide_operation(inner, service, operation, input);
    result = allowed ? found->second->call(inner, operation, input)
                     : Result<json::object>(std::unexpected(allowed.error()));
  } catch (const std::exception& thrown) {
    // The callee fails, not all that called it: a damaged alarm must not stop executions, which
    // count metrics.
    batch_.kernel_.log(
        fmt::format("{}:{} failed inside kiban: {}", service, operation, thrown.what()));
    result = internal_failure();
  }
  if (!result) batch_.roll_back(before);
  return result;
}

void Kernel::Batch::OperationContext::check_text(std::string_view key, std::string_view value) {
  if (!is_utf8(key) || !is_utf8(value))
    throw services::DamagedRow(key, "what would be written is not valid UTF-8");
}

void Kernel::Batch::OperationContext::perform(services::Effect effect) {
  json::object row{{"Kind", effect.kind}, {"Payload", effect.payload}};
  batch_.keep_place(caller_, row);
  put(effect_key(effect.service, effect.id), print_json(row));
  batch_.effects_.push_back(std::move(effect));
}

void Kernel::Batch::OperationContext::publish(services::Event event) {
  if (event.region.empty()) event.region = caller_.region;
  if (event.account.empty()) event.account = caller_.account;
  batch_.events_.push_back(std::move(event));
}

bool Kernel::Batch::OperationContext::heard(std::string_view source) {
  for (const Listener& listener : batch_.kernel_.listeners) {
    if (listener.source != "*" && listener.source != source) continue;
    if (listener.service->name() != service_ && listener.service->hears(*this, source)) return true;
  }
  return false;
}

void Kernel::Batch::OperationContext::count(services::MetricDatum datum) {
  if (batch_.kernel_.metrics == nullptr) return;
  batch_.counts_.push_back(
      {.account = caller_.account, .region = caller_.region, .datum = std::move(datum)});
}

void Kernel::Batch::OperationContext::defer(std::string_view channel, Timestamp until) {
  KIBAN_CHECK(!last_attempt(), "defer() is not for a last attempt or a nested call");
  deferred_.emplace(channel, until);
}

void Kernel::Batch::OperationContext::reply_with(std::string_view operation, json::object input) {
  KIBAN_CHECK(!last_attempt(), "reply_with() is not for a last attempt or a nested call");
  successor_.emplace(operation, std::move(input));
}

Result<std::string> Kernel::Batch::OperationContext::read_blob(std::string_view digest) const {
  for (const auto& [name, bytes] : std::views::reverse(batch_.blobs_))  // Mostly the last one.
    if (name == digest) return bytes;
  return batch_.kernel_.options.blobs->read(digest);
}

std::string Kernel::Batch::OperationContext::put_blob(std::string_view bytes) {
  if (bytes.size() > small_blob_bytes) {
    Result<std::string> digest = batch_.kernel_.options.blobs->put(bytes);
    if (!digest) throw std::runtime_error(digest.error().cause);  // The operation fails as a whole.
    return *std::move(digest);
  }
  std::string digest = store::sha256_hex(bytes);
  batch_.blobs_.emplace_back(digest, bytes);
  return digest;
}

bool Kernel::Batch::OperationContext::asked(const services::AccessRequest& request) const {
  return std::ranges::any_of(asked_, [&](const auto& each) {
    return each.first == request.action && each.second == request.resource;
  });
}

Result<void> Kernel::Batch::OperationContext::decide(const services::AccessRequest& request) {
  if (asked(request)) return {};
  KIBAN_TRY_VOID(batch_.decide(*this, service_, request));
  asked_.emplace_back(request.action, request.resource);
  return {};
}

Result<Caller> Kernel::Batch::OperationContext::assume(const services::RoleRequest& request) {
  const Result<Arn> arn = parse_arn(request.role_arn);
  // A role's path is not part of a session's ARN:
  // docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  const std::string name = arn ? arn->resource.substr(arn->resource.rfind('/') + 1) : "";
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("role/") || name.empty())
    return fail("AccessDenied",
                fmt::format("{} is not authorized to perform: sts:AssumeRole on resource: {}: it "
                            "is not the ARN of a role",
                            request.principal, request.role_arn));
  if (batch_.kernel_.options.iam != Iam::Off)
    KIBAN_TRY_VOID(batch_.note(batch_.kernel_.authoriser->assume(*this, request), "sts"));
  return Caller{.account = arn->account,
                .region = caller_.region,
                .arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", arn->account, name,
                                   request.session_name),
                .source_arn = request.source_arn,
                .acts_for = request.acts_for};
}

}  // namespace kiban::kernel
