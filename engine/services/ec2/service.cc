#include "services/ec2/service.h"

#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

const CheckedTable& operations() {
  static const CheckedTable table = [] {
    CheckedTable out;
    for (const auto part :
         {tag_operations, network_operations, interface_operations, routing_operations,
          gateway_operations, security_operations, endpoint_operations, zone_operations}) {
      out.merge(part());
    }
    return out;
  }();
  return table;
}

class Ec2 : public CheckedService {
 public:
  Ec2() : CheckedService("ec2", "UnsupportedOperation", operations()) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (!input.contains("DryRun")) return CheckedService::call(context, operation, input);
    json::object rest = input;
    rest.erase("DryRun");
    Result<json::object> result = CheckedService::call(context, operation, rest);
    // A failed operation's writes are undone.
    if (!result || !flag(input, "DryRun")) return result;
    return fail("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
  }
};

}  // namespace

std::unique_ptr<Service> make_ec2() { return std::make_unique<Ec2>(); }

}  // namespace kiban::services::ec2
