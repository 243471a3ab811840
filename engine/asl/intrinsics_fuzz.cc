#include "asl/query.h"

namespace {

class Plain : public kiban::asl::Environment {
 public:
  const kiban::json::value& input() const override { return tree_; }
  const kiban::json::value& context() const override { return tree_; }
  const kiban::json::value* variable(std::string_view) const override { return &tree_; }
  kiban::Random& random() const override { return random_; }

 private:
  kiban::json::value tree_ = *kiban::parse_json(R"({"a":[1,"x",{"b":2.5}],"s":"text,of it"})");
  mutable kiban::Random random_{1};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto expression =
      kiban::asl::Expression::parse({reinterpret_cast<const char*>(data), size});
  if (expression) (void)expression->evaluate(Plain(), "field.$");
  return 0;
}
