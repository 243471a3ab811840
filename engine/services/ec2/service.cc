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

// A request with the ClientToken of an earlier one gets that one's reply.
// docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
constexpr std::chrono::hours tokens_kept{24};  // Ours.

class Ec2 : public CheckedService {
 public:
  Ec2() : CheckedService("ec2", "UnsupportedOperation", operations()) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (!input.contains("DryRun")) return call_once(context, operation, input);
    json::object rest = input;
    rest.erase("DryRun");
    Result<json::object> result = call_once(context, operation, rest);
    // A failed operation's writes are undone.
    if (!result || !flag(input, "DryRun")) return result;
    return fail("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
  }

  void on_timer(Context& context, const json::object& payload) override {
    context.erase(text(payload, "Key"));
  }

 private:
  Result<json::object> call_once(Context& context, std::string_view operation,
                                 const json::object& input) {
    const std::string token = text(input, "ClientToken");
    if (token.empty()) return CheckedService::call(context, operation, input);
    const std::string key =
        fmt::format("ec2/{}/token/{}/{}", context.caller().region, operation, token);
    if (const auto earlier = get_json(context, key)) {
      if (earlier->at("Input") == input) return earlier->at("Reply").as_object();
      return fail("IdempotentParameterMismatch",
                  "The request uses the same client token as a previous, but non-identical "
                  "request.");
    }
    KIBAN_TRY(json::object reply, CheckedService::call(context, operation, input));
    reply["ClientToken"] = token;
    put_json(context, key, {{"Input", input}, {"Reply", reply}});
    context.set_timer("ec2", key, context.now() + tokens_kept, {{"Key", key}});
    return reply;
  }
};

}  // namespace

std::unique_ptr<Service> make_ec2() { return std::make_unique<Ec2>(); }

}  // namespace kiban::services::ec2
