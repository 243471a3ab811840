#include "jsonpath/path.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  static const json::value root =
      *parse_json(R"({"a":[1,{"b":"x"},[2,3.5]],"c":{"d":null,"e":true}})");
  const auto path = jsonpath::Path::parse({reinterpret_cast<const char*>(data), size});
  if (path) {
    (void)path->select(root);
    if (path->reference()) {
      json::value copy = root;
      (void)path->assign(copy, json::value(1));
    }
  }
  return 0;
}
