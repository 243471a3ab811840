#include "services/states/throttle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/base/table_service.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

struct Bucket {
  double size{0};
  double refill_per_second{0};
};

constexpr Bucket express_bucket{.size = 6'000, .refill_per_second = 6'000};
constexpr Bucket large_bucket{.size = 1'300, .refill_per_second = 300};
constexpr Bucket bucket{.size = 800, .refill_per_second = 150};
constexpr std::array<std::string_view, 3> large_regions{"us-east-1", "us-west-2", "eu-west-1"};

Bucket bucket_of(std::string_view region, bool express) {
  if (express) return express_bucket;
  return std::ranges::find(large_regions, region) != large_regions.end() ? large_bucket : bucket;
}

// "Executions for each AWS account and Region. Exceeding this will cause an ExecutionLimitExceeded
// error. Doesn't apply to Express Workflows."
constexpr std::int64_t open_max = 1'000'000;

std::string open_key(const Context& context) { return row_key(context, "open", "standard"); }

std::int64_t open_count(const Context& context) {
  const auto row = get_json(context, open_key(context));
  return row ? number(*row, "Count") : 0;
}

// A session that a service opened for itself: a state machine's role, or that of a rule.
bool by_service(const Caller& caller) {
  return caller.access_key_id.empty() && caller.arn.find(":assumed-role/") != std::string::npos;
}

}  // namespace

Result<void> take_start(Context& context, bool express, Throttle throttle) {
  const bool nested = by_service(context.caller());
  if (throttle == Throttle::Nested && !nested) return {};
  const Bucket limits = bucket_of(context.caller().region, express);
  // Direct starts do not take the tokens of nested ones while they are free.
  const std::string key = row_key(context, "throttle",
                                  fmt::format("{}/{}", throttle == Throttle::Aws ? "all" : "nested",
                                              express ? "express" : "standard"));
  const double now = epoch_seconds(context.now());
  double tokens = limits.size;
  if (const auto row = get_json(context, key)) {
    const double passed = std::max(0.0, now - row->at("Time").to_number<double>());
    tokens = std::min(limits.size,
                      row->at("Tokens").to_number<double>() + passed * limits.refill_per_second);
  }
  if (tokens < 1) return fail("ThrottlingException", "Rate exceeded");
  put_json(context, key, {{"Tokens", tokens - 1}, {"Time", now}});
  return {};
}

Result<void> check_open(const Context& context) {
  if (open_count(context) < open_max) return {};
  // The words are those of the API reference.
  return fail("ExecutionLimitExceeded",
              "The maximum number of running executions has been reached. Running executions "
              "must end or be stopped before a new execution can be started.");
}

void add_open(Context& context) {
  put_json(context, open_key(context), {{"Count", open_count(context) + 1}});
}

void release_open(Context& context) {
  // At 0 end those that began before executions were counted.
  if (const std::int64_t open = open_count(context); open > 0)
    put_json(context, open_key(context), {{"Count", open - 1}});
}

}  // namespace kiban::services::states
