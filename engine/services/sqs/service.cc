#include "services/sqs/service.h"

#include "services/base/resource_access.h"
#include "services/sqs/operations.h"

namespace kiban::services::sqs {
namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable all = queue_operations();
    all.merge(send_operations());
    all.merge(receive_operations());
    all.merge(move_operations());
    return all;
  }();
  return table;
}

class Sqs : public TableService {
 public:
  explicit Sqs(Options options) : TableService("sqs", operations()), options_(std::move(options)) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (const json::string* url = find_string(input, "QueueUrl"))
      KIBAN_TRY_VOID(check_queue_host(context, options_.hosts, *url));
    if (operation == "ReceiveMessage")
      return receive_message(context, input, options_.in_flight_max);
    return TableService::call(context, operation, input);
  }
  void on_timer(Context& context, const json::object& payload) override {
    if (const std::string task = text(payload, "Move"); !task.empty())
      go_on_moving(context, task);
    else
      context.erase(text(payload, "Forget"));
  }

  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    const auto row = get_json(context, queue_key(context, resource_part(arn)));
    ResourceAccess queue = resource_of_row(arn, row, "Tags", "");
    if (row) queue.policy = text(row->at("Attributes").as_object(), "Policy");
    return queue;
  }

 private:
  Options options_;
};

}  // namespace

std::unique_ptr<Service> make_sqs_with(Options options) {
  return std::make_unique<Sqs>(std::move(options));
}

std::unique_ptr<Service> make_sqs() { return make_sqs_with({}); }

}  // namespace kiban::services::sqs
