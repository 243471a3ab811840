#include "services/lambda/service.h"

#include "core/arn.h"
#include "services/base/resource_access.h"
#include "services/base/table_service.h"
#include "services/lambda/concurrency.h"
#include "services/lambda/events.h"
#include "services/lambda/functions.h"
#include "services/lambda/host.h"
#include "services/lambda/invocations.h"
#include "services/lambda/layers.h"
#include "services/lambda/mappings.h"
#include "services/lambda/names.h"
#include "services/lambda/permissions.h"
#include "services/lambda/versions.h"

namespace kiban::services::lambda {
namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable all;
    for (OperationTable each :
         {function_operations(), version_operations(), permission_operations(),
          concurrency_operations(), invocation_operations(), event_config_operations(),
          mapping_operations(), layer_operations()})
      all.merge(each);
    return all;
  }();
  return table;
}

class Lambda : public TableService {
 public:
  explicit Lambda(Options options)
      : TableService("lambda", operations()), options_(std::move(options)) {}

  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    return describe(context, arn);
  }

  void on_timer(Context& context, const json::object& payload) override {
    const std::string kind = text(payload, "Kind");
    if (kind == "event") return try_event(context, text(payload, "RequestId"));
    if (kind == "poll") return poll(context, text(payload, "UUID"));
    context.erase(text(payload, "Key"));
  }

  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    if (kind == invoke_effect) return on_invoked(context, payload, outcome);
    if (kind == warm_effect) on_warmed(context, payload, outcome.payload);
  }

  void on_start(Context& context) override {
    keep_code_folders(context, options_.code_folders);
    abandon_lost(context);
    warm_again(context);
  }

 private:
  Options options_;
};

}  // namespace

std::unique_ptr<Service> make_lambda() { return make_lambda_with({}); }

std::unique_ptr<Service> make_lambda_with(Options options) {
  return std::make_unique<Lambda>(std::move(options));
}

}  // namespace kiban::services::lambda
