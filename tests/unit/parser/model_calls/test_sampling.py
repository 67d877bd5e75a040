"""Models that are asked through something that is given: an MCP tool's context, a kernel."""

from tests.unit.parser.compiled import compiled, edges, lines


def test_a_tool_asks_the_model_of_its_caller_through_its_session() -> None:
    file = compiled("""
        from mcp.server.fastmcp import Context, FastMCP
        from mcp.types import SamplingMessage, TextContent

        server = FastMCP("poems")

        @server.tool()
        async def poem(topic: str, ctx: Context) -> str:
            content = TextContent(type="text", text=f"A poem on {topic}")
            first = await ctx.session.create_message(
                messages=[SamplingMessage(role="user", content=content)], max_tokens=100
            )
            content = TextContent(type="text", text=f"A title for {first.content.text}")
            second = await ctx.session.create_message(
                [SamplingMessage(role="user", content=content)], max_tokens=10
            )
            return second.content.text
        """)
    assert edges(file) == {(10, 14, "data")}


def test_a_tool_of_fastmcp_samples() -> None:
    file = compiled("""
        from fastmcp import Context, FastMCP

        server = FastMCP("reports")

        @server.tool
        async def report(text: str, ctx: Context) -> str:
            summary = await ctx.sample(f"Summarise {text}")
            tags = await ctx.sample(messages=f"Tag {summary.text}", system_prompt="Tag.")
            return tags.text
        """)
    assert edges(file) == {(8, 9, "data")}
    assert file.calls[1].segments[0].role == "system"


def test_a_kernel_is_given_prompts() -> None:
    file = compiled("""
        from semantic_kernel import Kernel

        kernel = Kernel()

        async def main(text):
            summary = await kernel.invoke_prompt(f"Summarise {text}")
            said = await kernel.invoke_prompt(
                prompt="Translate {{$input}}", plugin_name="p", input=str(summary)
            )
            print(said)
        """)
    assert edges(file) == {(7, 8, "data")}


def test_a_context_of_something_else_is_asked_nothing() -> None:
    file = compiled("""
        from click import Context

        def run(ctx: Context, message):
            ctx.sample(message)
            ctx.session.create_message(content=message)
        """)
    assert lines(file) == []
