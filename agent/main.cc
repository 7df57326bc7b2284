// wirespan: reads the command line, opens the door it names, ends with its exit code: 0, 1 for a failure, 2 for wrong usage.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/log.h"
#include "agent/cli/decode.h"
#include "agent/cli/sql_door.h"
#include "agent/config/flags.h"
#include "agent/span/propagate_door.h"
#if WIRESPAN_HAS_BPF
#include "agent/live/doctor.h"
#include "agent/live/trace_door.h"
#endif
#include "agent/cli_replay/explain_door.h"
#include "agent/cli_replay/replay_door.h"

namespace {

using namespace wirespan;  // NOLINT(google-build-using-namespace): this file is the program

constexpr int kUsage = 2;

int Usage(const std::string& message) {
  std::fprintf(stderr, "wirespan: %s\n", message.c_str());
  return kUsage;
}

// The options of run and attach, checked; nullopt after a line on standard error.
std::optional<config::Config> Load(const config::FlagValues& flags) {
  Result<config::Config> config = config::LoadConfig(flags, config::ProcessEnvironment());
  if (!config.ok()) {
    Usage(config.error().message());
    return std::nullopt;
  }
  if (Result<void> done = ConfigureLog(config->log_level, config->log_format); !done.ok()) {
    Usage(done.error().message());
    return std::nullopt;
  }
  for (const std::string& warning : config->warnings) spdlog::warn("{}", warning);
  return *std::move(config);
}

struct CommandLine {
  CLI::App app{"Wirespan traces programs that nobody instrumented.", "wirespan"};
  config::FlagValues run_flags;
  config::FlagValues attach_flags;
  std::vector<std::string> command;
  cli::DecodeOptions decode;
  std::string role = "client";
  cli::ReplayOptions replay;
  cli::ExplainOptions explain;
  std::string propagate_format = "w3c";
  std::string sql_dialect = "generic";
  CLI::App* run = nullptr;
  CLI::App* attach = nullptr;
  CLI::App* doctor = nullptr;
  CLI::App* replay_door = nullptr;
  CLI::App* explain_door = nullptr;
  CLI::App* decode_door = nullptr;
  CLI::App* propagate = nullptr;
  CLI::App* sql = nullptr;

  CommandLine() {
    app.set_version_flag("--version", std::string("wirespan ") + WIRESPAN_VERSION);
    app.require_subcommand(1);
    run = app.add_subcommand("run", "start a command and trace it and its children: wirespan run [OPTIONS] -- CMD ARG...");
    config::AddCaptureFlags(*run, run_flags);
    run->footer("Everything after -- is the command and its arguments; its exit code becomes that of wirespan.");
    attach = app.add_subcommand("attach", "trace running processes and their children");
    config::AddSelectorFlags(*attach, attach_flags);
    config::AddCaptureFlags(*attach, attach_flags);
    doctor = app.add_subcommand("doctor", "what this kernel and these privileges allow, what would be used, what to change");
    replay_door = app.add_subcommand("replay", "spans from a recording (.wscap), without a kernel");
    replay_door->add_option("file", replay.path, "the recording")->required();
    replay_door->add_option("--port", replay.port_hints, "PORT=PROTOCOL: what connections to that port speak (repeatable)");
    replay_door->add_option("--format", replay.format, "json, tree or otlp-json")->capture_default_str();
    explain_door = app.add_subcommand("explain-link", "why a span of a recording has the parent it has, or none");
    explain_door->add_option("file", explain.path, "the recording")->required();
    explain_door->add_option("span", explain.span_id, "its span id, 16 hex digits")->required();
    decode_door = app.add_subcommand("decode", "messages and exchanges from chunks of bytes on standard input (JSON lines)");
    decode_door->add_option("--protocol", decode.protocol, "name of the protocol")->required();
    decode_door->add_option("--dir", decode.direction, "direction of lines that name none: c2s, s2c or auto");
    decode_door->add_option("--role", role, "whose span an exchange is told as: client or server")->capture_default_str();
    propagate = app.add_subcommand("propagate", "trace context from header lists on standard input (JSON lines)");
    propagate->add_option("--format", propagate_format, "the carrier's format")->capture_default_str();
    sql = app.add_subcommand("sql", "SQL texts without their values, and their summaries, from standard input (JSON lines)");
    sql->add_option("--dialect", sql_dialect, "whose SQL it is")->capture_default_str();
  }
};

#if WIRESPAN_HAS_BPF
int Trace(CommandLine& line) {
  const bool is_run = line.run->parsed();
  const std::optional<config::Config> config = Load(is_run ? line.run_flags : line.attach_flags);
  if (!config) return kUsage;
  if (is_run && line.command.empty()) return Usage("run: no command; write it after --: wirespan run -- CMD ARG...");
  if (is_run) return live::RunCommand(*config, line.command);
  if (config->targets.empty()) {
    return Usage("attach: no process selected; give --pid N, --exe GLOB, --port P, --cgroup PATH or --container ID");
  }
  return live::RunAttach(*config);
}
int Doctor() { return live::RunDoctor({}, std::cout); }
#else
int Trace(CommandLine& /*line*/) { return Usage("this build has no BPF programs (WIRESPAN_BPF=OFF)"); }
int Doctor() { return Usage("this build has no BPF programs (WIRESPAN_BPF=OFF)"); }
#endif

int Open(CommandLine& line) {
  if (line.run->parsed() || line.attach->parsed()) return Trace(line);
  if (line.doctor->parsed()) return Doctor();
  if (line.replay_door->parsed()) return cli::RunReplay(line.replay, std::cout, std::cerr);
  if (line.explain_door->parsed()) return cli::RunExplainLink(line.explain, std::cout, std::cerr);
  if (line.propagate->parsed()) return span::RunPropagate(line.propagate_format, std::cin, std::cout);
  if (line.sql->parsed()) return cli::RunSql(line.sql_dialect, std::cin, std::cout, std::cerr);
  if (line.role != "client" && line.role != "server") return Usage("decode: --role '" + line.role + "' is not client or server");
  line.decode.server_side = line.role == "server";
  return cli::RunDecode(line.decode, std::cin, std::cout, std::cerr);
}

// The words of the command line up to a "--", and those behind it, which are the traced command's own business.
struct Words {
  std::vector<std::string> own;
  std::vector<std::string> command;
  bool has_command = false;
};

Words Split(int argc, char** argv) {
  Words words;
  for (int i = 1; i < argc; ++i) {
    if (!words.has_command && std::string_view(argv[i]) == "--") {
      words.has_command = true;
    } else {
      (words.has_command ? words.command : words.own).emplace_back(argv[i]);
    }
  }
  return words;
}

// A first word that is no command, said by name; nullopt where it is one, or an option.
std::optional<std::string> UnknownCommand(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty() || words[0].starts_with("-")) return std::nullopt;
  std::string known;
  for (const CLI::App* door : app.get_subcommands({})) {
    if (door->get_name() == words[0]) return std::nullopt;
    known += (known.empty() ? "" : ", ") + door->get_name();
  }
  return "unknown command '" + words[0] + "'; known: " + known;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::ios::sync_with_stdio(false);
    CommandLine line;
    Words words = Split(argc, argv);
    if (const std::optional<std::string> unknown = UnknownCommand(line.app, words.own)) return Usage(*unknown);
    line.command = std::move(words.command);
    const std::string door = words.own.empty() ? "" : words.own[0] + ": ";
    try {
      std::reverse(words.own.begin(), words.own.end());  // CLI11 takes words from the back
      line.app.parse(std::move(words.own));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return line.app.exit(error);  // --help, --version
      return Usage(door + error.what() + "; see wirespan --help");
    }
    return Open(line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wirespan: %s\n", error.what());
    return 1;
  }
}
