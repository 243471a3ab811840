// Any text as a trust policy: it lets a service in or says why not.
#include "kernel/trust.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  constexpr std::string_view arn = "arn:aws:iam::000000000000:role/name";
  const json::object reply{{"Role", {{"Arn", arn}, {"AssumeRolePolicyDocument", text}}}};
  const auto trusted = kernel::trusts(reply, arn, "states.amazonaws.com");
  KIBAN_CHECK(trusted || !trusted.error().cause.empty(), "a refusal says why");
  return 0;
}
