// A payload as an image that ends at 4 GiB, for -bios: copies it to where it belongs and goes there,
// at each reset. Boot loader and command line there are none. See rom.ld for the places.
        .section .payload, "a"
        .incbin "payload.bin"
payloadEnd:

        .section .start, "ax"
        .code16
start16:
        cli
        cld
        lgdtl %cs:segmentTable16 - 0xFFFF0000
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $8, $start32

        .code32
start32:
        movl $16, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        movl $romStart, %esi
        movl $imageStart, %edi
        movl $payloadEnd, %ecx
        subl %esi, %ecx
        rep movsb
        movl $bssStart, %edi
        movl $bssEnd, %ecx
        subl %edi, %ecx
        xorl %eax, %eax
        rep stosb
        xorl %ebx, %ebx
        movl $_start, %edx
        jmp *%edx

        .balign 8
segments16:
        .quad 0
        .quad 0x00CF9B000000FFFF        // code, 32 bits
        .quad 0x00CF93000000FFFF        // data
segmentTable16:
        .word 3 * 8 - 1
        .long segments16

        .section .vector, "ax"
        .code16
        .globl resetVector
resetVector:
        jmp start16
        .balign 16, 0x90

        .section .note.GNU-stack, "", @progbits
