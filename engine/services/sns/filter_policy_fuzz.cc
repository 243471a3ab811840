// A filter policy on the first line, a message behind it: refused, or asked of the message as body
// and as attributes.
#include "services/sns/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto line = text.find('\n');
  const std::string_view message = line == text.npos ? text : text.substr(line + 1);
  json::object attributes{{"FilterPolicy", text.substr(0, line)}};
  const json::object message_attributes{
      {"k", {{"DataType", "String.Array"}, {"StringValue", message}}},
      {"n", {{"DataType", "Number"}, {"StringValue", message}}},
      {"s", {{"DataType", "String"}, {"StringValue", message}}}};
  for (const std::string_view scope : {"MessageAttributes", "MessageBody"}) {
    attributes["FilterPolicyScope"] = scope;
    if (const auto checked = services::sns::check_filter(attributes)) {
      (void)services::sns::wants(attributes, message_attributes, message);
    } else {
      KIBAN_CHECK(checked.error().name == "InvalidParameterException", "the error has its name");
    }
  }
  return 0;
}
