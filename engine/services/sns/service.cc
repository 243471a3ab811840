#include "services/sns/service.h"

#include "services/base/resource_access.h"
#include "services/sns/rows.h"

namespace kiban::services::sns {
namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable all = topic_operations();
    all.insert(subscription_operations().begin(), subscription_operations().end());
    all.insert(publish_operations().begin(), publish_operations().end());
    return all;
  }();
  return table;
}

class Sns : public TableService {
 public:
  Sns() : TableService("sns", operations()) {}
  void on_timer(Context& context, const json::object& payload) override {
    if (const std::string known = text(payload, "Forget"); !known.empty())
      context.erase(known);
    else if (const std::string arn = text(payload, "Expire"); !arn.empty())
      expire_subscription(context, arn);
    else
      perform_delivery(context, payload);
  }
  void on_outcome(Context& context, std::string_view, const json::object& payload,
                  const Outcome& outcome) override {
    sns::on_outcome(context, payload, outcome);
  }
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    const auto row = get_json(context, topic_key(arn));
    ResourceAccess topic = resource_of_row(arn, row, "Tags", "");
    if (row) topic.policy = text(row->at("Attributes").as_object(), "Policy", default_policy(arn));
    return topic;
  }
};

}  // namespace

std::unique_ptr<Service> make_sns() { return std::make_unique<Sns>(); }

}  // namespace kiban::services::sns
