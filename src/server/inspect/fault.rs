//! Every way in which the bytes of an HTTP/1 request have no single reading.

/// What is wrong with a request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A line that ends with LF or CR alone, or a CR within one.
    LineEnd,
    /// More than two empty lines before the request line.
    BlankLines,
    /// Not `method SP target SP version`.
    RequestLine,
    /// A method that is no token, or is longer than any that there is.
    Method,
    /// A version other than HTTP/1.1 and HTTP/1.0.
    Version,
    /// A target that is neither a path nor an address with a scheme.
    TargetForm,
    /// A character that no request target may have, `#` among them.
    TargetCharacter,
    /// The request line alone fills what a head may have.
    TargetLength,
    /// The head is larger than a head may be.
    HeadLength,
    /// The head has more lines than a head may have.
    HeadLines,
    /// A header line without a name, without a colon, or with a blank or another character in its name.
    HeaderName,
    /// A control character in a value.
    HeaderValue,
    /// A line that continues the one before it.
    Folded,
    /// `Content-Length` more than once, or not a plain decimal number.
    ContentLength,
    /// `Content-Length` beside `Transfer-Encoding`.
    TwoFramings,
    /// `Transfer-Encoding` more than once, as a list, or with what is no name of a coding.
    TransferEncoding,
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// `Transfer-Encoding` over HTTP/1.0, which does not know it.
    TransferEncodingOfOld,
    /// A chunk whose size is not a plain hexadecimal number.
    ChunkSize,
    /// A chunk extension that is malformed, or more of them than a body may have.
    ChunkExtension,
    /// A chunk that does not end where its size says.
    ChunkEnd,
    /// A trailer line that is malformed, or more of them than a body may have.
    TrailerLine,
    /// What was parsed is not what was inspected.
    OutOfStep,
}

impl Fault {
    pub const ALL: [Fault; 23] = [
        Fault::LineEnd,
        Fault::BlankLines,
        Fault::RequestLine,
        Fault::Method,
        Fault::Version,
        Fault::TargetForm,
        Fault::TargetCharacter,
        Fault::TargetLength,
        Fault::HeadLength,
        Fault::HeadLines,
        Fault::HeaderName,
        Fault::HeaderValue,
        Fault::Folded,
        Fault::ContentLength,
        Fault::TwoFramings,
        Fault::TransferEncoding,
        Fault::TransferCoding,
        Fault::TransferEncodingOfOld,
        Fault::ChunkSize,
        Fault::ChunkExtension,
        Fault::ChunkEnd,
        Fault::TrailerLine,
        Fault::OutOfStep,
    ];

    /// One word for logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Fault::LineEnd => "line_end",
            Fault::BlankLines => "blank_lines",
            Fault::RequestLine => "request_line",
            Fault::Method => "method_syntax",
            Fault::Version => "version",
            Fault::TargetForm => "target_form",
            Fault::TargetCharacter => "target_character",
            Fault::TargetLength => "target_length",
            Fault::HeadLength => "head_length",
            Fault::HeadLines => "head_lines",
            Fault::HeaderName => "header_name",
            Fault::HeaderValue => "header_value",
            Fault::Folded => "folded_line",
            Fault::ContentLength => "content_length",
            Fault::TwoFramings => "two_framings",
            Fault::TransferEncoding => "transfer_encoding",
            Fault::TransferCoding => "transfer_coding",
            Fault::TransferEncodingOfOld => "transfer_encoding_http_1_0",
            Fault::ChunkSize => "chunk_size",
            Fault::ChunkExtension => "chunk_extension",
            Fault::ChunkEnd => "chunk_end",
            Fault::TrailerLine => "trailer_line",
            Fault::OutOfStep => "out_of_step",
        }
    }

    /// Whether the head was in order, so that the request may be on its way already.
    pub const fn is_of_body(self) -> bool {
        matches!(self, Fault::ChunkSize | Fault::ChunkExtension | Fault::ChunkEnd | Fault::TrailerLine)
    }
}
