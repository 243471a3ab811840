#include "jsonata/jsonata.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  static const json::value root =
      *parse_json(R"({"a":[1,{"b":"x","c":[2,3.5]},"\ud83d\ude00"],"d":{"e":null,"f":true}})");
  const auto expression = jsonata::parse({reinterpret_cast<const char*>(data), size});
  if (expression) {
    const jsonata::Limits limits{
        .depth_max = 300, .fuel = 100'000, .memory_bytes_max = std::size_t{64} << 20U};
    (void)jsonata::evaluate(**expression, &root, {}, limits, {.step_functions = size % 2 == 0});
  }
  return 0;
}
