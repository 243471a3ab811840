// Numbers of many digits pass through a machine as they came.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "asl/virtual_run.h"

namespace kiban::asl {
namespace {

constexpr const char* input =
    R"({"big":12345678901234567890123,"id":9007199254740993,"fraction":0.1234567890123456789,)"
    R"("list":[12345678901234567890123,1],"rows":[{"n":12345678901234567890123},{"n":1}]})";

std::string result(std::string_view state) {
  auto program = compile(fmt::format(R"({{"StartAt":"S","States":{{"S":{{{}}},
      "Yes":{{"Type":"Pass","Result":"yes","End":true}},
      "No":{{"Type":"Pass","Result":"no","End":true}}}}}})",
                                     state),
                         MachineType::Standard);
  if (!program) return program.error().cause;
  VirtualRun run(*program, {.input = Payload::from_text(input)});
  run.run(true);
  return run.finished->output ? run.finished->output->text() : run.finished->cause.value_or("");
}
std::string pass(std::string_view parameters) {
  return result(fmt::format(R"("Type":"Pass","Parameters":{},"End":true)", parameters));
}

TEST(ExactNumbers, PassThroughPathsAndTemplates) {
  EXPECT_EQ(pass(R"({"n.$":"$.big","l":98765432109876543210987})"),
            R"({"n":12345678901234567890123,"l":98765432109876543210987})");
  EXPECT_EQ(pass(R"({"n.$":"$.fraction","i.$":"$.id"})"),
            R"({"n":0.1234567890123456789,"i":9007199254740993})");
  EXPECT_EQ(
      result(R"("Type":"Pass","Result":1e400,"ResultPath":"$.r","OutputPath":"$.r","End":true)"),
      "1e400");
}

TEST(ExactNumbers, PassThroughIntrinsics) {
  EXPECT_EQ(pass(R"x({"v.$":"States.Array($.big, $.fraction)"})x"),
            R"({"v":[12345678901234567890123,0.1234567890123456789]})");
  EXPECT_EQ(pass(R"x({"v.$":"States.Format('n={}', $.big)"})x"),
            R"({"v":"n=12345678901234567890123"})");
  EXPECT_EQ(pass(R"x({"v.$":"States.JsonToString($.list)"})x"),
            R"({"v":"[12345678901234567890123,1]"})");
  EXPECT_EQ(pass(R"x({"v.$":"States.StringToJson('12345678901234567890123')"})x"),
            R"({"v":12345678901234567890123})");
  EXPECT_EQ(pass(R"x({"v.$":"States.ArrayContains($.list, $.big)"})x"), R"({"v":true})");
  // An exact number is not a string, and this one is out of MathAdd's range.
  EXPECT_TRUE(pass(R"x({"v.$":"States.Base64Encode($.big)"})x").contains("expected a string"));
  EXPECT_TRUE(pass(R"x({"v.$":"States.MathAdd($.big, 1)"})x").contains("expected two integers"));
}

TEST(ExactNumbers, AreNumbersForChoices) {
  const auto choice = [](std::string_view rule) {
    return result(fmt::format(
        R"("Type":"Choice","Choices":[{{"Variable":"$.big",{},"Next":"Yes"}}],"Default":"No")",
        rule));
  };
  EXPECT_EQ(choice(R"("IsNumeric":true)"), "\"yes\"");
  EXPECT_EQ(choice(R"("IsString":true)"), "\"no\"");
  EXPECT_EQ(choice(R"("NumericGreaterThan":12345678901000000000000)"), "\"yes\"");
  EXPECT_EQ(choice(R"("NumericLessThanPath":"$.id")"), "\"no\"");
  EXPECT_EQ(choice(R"("StringEquals":"12345678901234567890123")"), "\"no\"");
  EXPECT_EQ(pass(R"x({"v.$":"$.rows[?(@.n > 1)].n"})x"), R"({"v":[12345678901234567890123]})");
}

TEST(ExactNumbers, PassThroughJsonata) {
  const auto output = [](std::string_view expression) {
    return result(fmt::format(
        R"("Type":"Pass","QueryLanguage":"JSONata","Output":"{{% {} %}}","End":true)", expression));
  };
  EXPECT_EQ(output("$states.input.big"), "12345678901234567890123");
  EXPECT_EQ(output("$states.input.id"), "9007199254740993");
  EXPECT_EQ(output("-$states.input.id"), "-9.007199254740992E15");  // A double from here on.
  EXPECT_EQ(output("$string($states.input.id)"), "\"9007199254740993\"");
  EXPECT_EQ(output("$states.input.list[0]"), "12345678901234567890123");
  EXPECT_EQ(output("$states.input"), input);
  EXPECT_EQ(output("$type($states.input.big)"), "\"number\"");
  EXPECT_EQ(output("$states.input.fraction"), "0.12345678901234568");
}

}  // namespace
}  // namespace kiban::asl
